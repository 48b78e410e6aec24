"""RFC 5763 section 7.1: the basic flow, read from captured datagrams."""

from __future__ import annotations

import pytest

from peer import AnswerRole
from tests.support.captures.captured_call import call
from tests.support.captures.flows import basic_flow, flow_until_media
from tests.support.captures.wire import Side
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import expected, loopback, within


@pytest.mark.conformance("7.1-flow")
@pytest.mark.parametrize(
    ("answer_role", "client"),
    [(AnswerRole.ACTIVE, Side.ANSWERER), (AnswerRole.PASSIVE, Side.OFFERER)],
)
async def test_the_messages_come_in_the_order_of_the_flow(
    answer_role: AnswerRole, client: Side
) -> None:
    async with call(right=loopback(answer_role=answer_role)) as at:
        coming = expected(at.answerer, "track")
        at.offerer.addTrack(ToneTrack(500))
        await at.connect()
        await hears((await within(coming)).track, 500)

        assert flow_until_media(at.wire.of()) == basic_flow(client)


@pytest.mark.conformance("7.1-flow")
async def test_the_client_hello_does_not_wait_for_the_answer_to_arrive() -> None:
    """ "answer and ClientHello from the answerer in parallel"."""
    async with call() as at:
        at.offerer.addTransceiver("audio")
        await at.offer()
        await at.make_answer()
        await at.wire.until(lambda: any(each.is_dtls for each in at.wire.of(Side.ANSWERER)))

        assert at.offerer.signalingState == "have-local-offer"
