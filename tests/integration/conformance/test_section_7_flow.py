"""RFC 5763 section 7.1: the basic flow, read from captured datagrams."""

from __future__ import annotations

import pytest

from peer import AnswerRole
from tests.support.captured import flow
from tests.support.connection_media import ToneTrack, hears
from tests.support.connections import expected, loopback, within
from tests.support.wire import Side
from tests.support.wired import call

SERVERS_FLIGHT = [
    "ServerHello",
    "Certificate",
    "ServerKeyExchange",
    "CertificateRequest",
    "ServerHelloDone",
]
CLIENTS_FLIGHT = [
    "Certificate",
    "ClientKeyExchange",
    "CertificateVerify",
    "ChangeCipherSpec",
    "Finished",
]


@pytest.mark.conformance("7.1-flow")
@pytest.mark.parametrize(
    ("answer_role", "client"),
    [(AnswerRole.ACTIVE, Side.ANSWERER), (AnswerRole.PASSIVE, Side.OFFERER)],
)
async def test_the_messages_come_in_the_order_of_the_flow(
    answer_role: AnswerRole, client: Side
) -> None:
    server = client.other
    async with call(right=loopback(answer_role=answer_role)) as at:
        coming = expected(at.answerer, "track")
        at.offerer.addTrack(ToneTrack(500))
        await at.connect()
        await hears((await within(coming)).track, 500)

        said = flow(at.wire.of())
        assert [message for side, message in said if side == client][:6] == [
            "ClientHello",
            *CLIENTS_FLIGHT,
        ]
        assert [message for side, message in said if side == server][:7] == [
            *SERVERS_FLIGHT,
            "ChangeCipherSpec",
            "Finished",
        ]
        # No message of a flight before the last one of the flight that it answers.
        order = [
            (client, "ClientHello"),
            *((server, message) for message in SERVERS_FLIGHT),
            *((client, message) for message in CLIENTS_FLIGHT),
            (server, "ChangeCipherSpec"),
            (server, "Finished"),
        ]
        assert said[: len(order)] == [(side.value, message) for side, message in order]

        # STUN before DTLS, DTLS before SRTP.
        log = list(at.wire.of())
        first = {
            kind: next(n for n, each in enumerate(log) if getattr(each, kind))
            for kind in ("is_stun", "is_dtls", "is_srtp")
        }
        finished = next(n for n, each in enumerate(log) if (server, "Finished") in flow([each]))
        assert first["is_stun"] < first["is_dtls"] < finished < first["is_srtp"]


@pytest.mark.conformance("7.1-flow")
async def test_the_client_hello_does_not_wait_for_the_answer_to_arrive() -> None:
    """ "answer and ClientHello from the answerer in parallel"."""
    async with call() as at:
        at.offerer.addTransceiver("audio")
        await at.offer()
        await at.make_answer()
        await at.wire.until(lambda: any(each.is_dtls for each in at.wire.of(Side.ANSWERER)))

        assert at.offerer.signalingState == "have-local-offer"
