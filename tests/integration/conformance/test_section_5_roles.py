"""RFC 5763 section 5 on the wire: who calls, and what may happen before the answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer import AnswerRole, BundlePolicy, Certificate, KeyType
from peer.rtp.inbound.stats import InboundRtpStats
from tests.support.captures.captured_call import call
from tests.support.captures.dtls_reader import CLIENT_HELLO, flow, hellos
from tests.support.captures.wire import Side, pass_on
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connections import both_connected, expected, loopback, opened, within

if TYPE_CHECKING:
    from peer.rtp.tracks import MediaStreamTrack

#: Packets, of all kinds together, while nobody knows whose they are.
MOST_HELD = 64

CLIENTS = [(AnswerRole.ACTIVE, Side.ANSWERER), (AnswerRole.PASSIVE, Side.OFFERER)]


@pytest.mark.conformance("5-client-first")
@pytest.mark.parametrize(("answer_role", "client"), CLIENTS)
async def test_the_active_side_calls_on_every_5_tuple(
    answer_role: AnswerRole, client: Side
) -> None:
    left = loopback(bundlePolicy=BundlePolicy.MAX_COMPAT)
    async with call(left, loopback(answer_role=answer_role)) as at:
        at.offerer.addTransceiver("audio")
        at.offerer.createDataChannel("x")
        await at.offer(without_bundle)
        await at.offerer.setRemoteDescription(await at.make_answer())
        await both_connected(at.offerer, at.answerer)

        assert len(at.wire.paths) == 2
        for path in range(2):
            said = flow(at.wire.of(path=path))
            assert said[0] == (client, CLIENT_HELLO)
            assert (client.other, CLIENT_HELLO) not in said


@pytest.mark.conformance("5-early-hello")
async def test_offerer_completes_dtls_handshake_before_the_answer() -> None:
    async with call() as at:
        at.offerer.createDataChannel("x")
        await at.offer()
        answer = await at.make_answer()
        await within(at.answerer.connected())

        # Everything but the answer has happened.
        said = flow(at.wire.of())
        assert said[0] == (Side.ANSWERER, CLIENT_HELLO)
        assert (Side.OFFERER, "Finished") in said
        assert at.offerer.signalingState == "have-local-offer"

        await at.offerer.setRemoteDescription(answer)
        await both_connected(at.offerer)
        assert len(hellos(at.wire.of(), CLIENT_HELLO)) == 1


@pytest.mark.conformance("6.2-early-media")
async def test_early_media_is_on_the_wire_and_waits_within_bounds() -> None:
    async with call() as at:
        transceiver = at.offerer.addTransceiver("audio")
        # Sound is decoded for who reads when it is handed up.
        heard = asyncio.create_task(read(transceiver.receiver.track, 40))
        await at.offer()
        at.answerer.addTrack(ToneTrack(700))
        answer = await at.make_answer()
        await within(at.answerer.connected())
        # More than are held, so that the oldest go.
        await at.wire.until(lambda: sum(each.is_srtp for each in at.wire.of(Side.ANSWERER)) > 70)

        assert not [x for x in (await at.offerer.getStats()).values() if x.type == "inbound-rtp"]
        assert not [each for each in at.wire.of(Side.OFFERER) if each.is_srtp]
        assert not heard.done()

        # From now on nothing comes but what was held.
        at.wire.fate = lambda each: () if each.is_srtp else pass_on(each)
        await at.offerer.setRemoteDescription(answer)
        await within(heard)
        report = (await transceiver.receiver.getStats()).values()
        (received,) = [each for each in report if isinstance(each, InboundRtpStats)]
        assert 40 <= received.packetsReceived <= MOST_HELD


@pytest.mark.conformance("5-ecdsa-rsa", "5-fp-match")
@pytest.mark.parametrize("kinds", [("ECDSA_P256", "RSA_2048"), ("RSA_2048", "RSA_2048")])
@pytest.mark.parametrize("answer_role", list(AnswerRole))
async def test_keys_of_either_kind_connect(kinds: tuple[str, str], answer_role: AnswerRole) -> None:
    first, second = (Certificate.generate(KeyType[kind]) for kind in kinds)
    left = loopback(bundlePolicy="max-bundle", certificates=(first,))
    right = loopback(certificates=(second,), answer_role=answer_role)
    async with call(left, right) as at:
        coming = expected(at.answerer, "datachannel")
        channel = at.offerer.createDataChannel("x")
        await at.connect()
        await opened(channel)
        await within(coming)

        # DTLS 1.2 shows certificates in clear.
        for side, certificate in ((Side.OFFERER, first), (Side.ANSWERER, second)):
            shown = b"".join(each.data for each in at.wire.of(side) if each.is_dtls)
            assert certificate.der[:200] in shown


async def read(track: MediaStreamTrack, count: int) -> None:
    for _ in range(count):
        await track.recv()


def without_bundle(sdp: str) -> str:
    """As a peer that does not know BUNDLE would leave it."""
    return "".join(x for x in sdp.splitlines(keepends=True) if not x.startswith("a=group:BUNDLE"))
