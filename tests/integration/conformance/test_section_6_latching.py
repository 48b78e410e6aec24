"""RFC 5763 section 6.7.2: without ICE a handshake alone says where media goes, and moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer import AnswerRole, Certificate, PeerConnection
from peer.runtime.transport_statistics import TransportStats
from tests.support.captures.dtls_reader import CLIENT_HELLO, SERVER_HELLO, flow
from tests.support.captures.injection import client_hello
from tests.support.captures.latching_call import (
    answered,
    call_without_ice,
    connect,
    destination,
    exchange,
    latching,
    shake_hands,
)
from tests.support.captures.wire import Captured, Side, pass_on, third_party
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import expected, local, opened, says, within

if TYPE_CHECKING:
    from tests.support.captures.captured_call import Call

HELLO_VERIFY_REQUEST = "HelloVerifyRequest"


def home(at: Call) -> tuple[str, int]:
    """The address of the offerer, which anybody may know."""
    return at.wire.paths[0].homes[Side.OFFERER]


@pytest.mark.conformance("6.7.2-latching")
async def test_every_client_hello_is_answered_by_hello_verify_request_first() -> None:
    async with call_without_ice() as at:
        at.offerer.createDataChannel("x")
        await connect(at)
        said = [step for step in flow(at.wire.of()) if step[0] in (Side.OFFERER, Side.ANSWERER)]
    assert said[:3] == [
        (Side.ANSWERER, CLIENT_HELLO),
        (Side.OFFERER, HELLO_VERIFY_REQUEST),
        (Side.ANSWERER, CLIENT_HELLO),
    ]
    assert (Side.OFFERER, SERVER_HELLO) in said


@pytest.mark.conformance("6.7.2-latching")
async def test_no_check_of_ice_is_sent_or_answered_to_a_peer_without_ice() -> None:
    async with call_without_ice() as at:
        at.offerer.createDataChannel("x")
        await connect(at)
        stun = [each for each in at.wire.of() if each.is_stun]
    # The one check without credentials of the passive side, and its answer.
    assert [each.sender for each in stun] in ([Side.OFFERER], [Side.OFFERER, Side.ANSWERER])
    assert len(stun[0].data) == 20


@pytest.mark.conformance("6.7.2-latching")
@pytest.mark.parametrize("answer_role", AnswerRole)
async def test_media_without_ice_is_heard_both_ways(answer_role: AnswerRole) -> None:
    async with call_without_ice(answer_role=answer_role) as at:
        coming = [expected(pc, "track") for pc in (at.offerer, at.answerer)]
        at.offerer.addTrack(ToneTrack(600))
        at.answerer.addTrack(ToneTrack(900))
        await connect(at)
        for track, pitch in zip(coming, (900, 600), strict=True):
            await hears((await within(track)).track, pitch)


@pytest.mark.conformance("6.7.2-latching")
async def test_forged_client_hellos_cost_less_than_they_are_and_nothing_else() -> None:
    hellos = [client_hello() for _ in range(100)]
    async with third_party() as elsewhere, call_without_ice() as at:
        channel = at.offerer.createDataChannel("x")
        coming = expected(at.answerer, "datachannel")
        await exchange(at)
        for hello in hellos:
            elsewhere.send(hello, home(at))
        await opened(channel)
        await says(channel, "heard", (await within(coming)).channel)
        await answered(elsewhere)
        assert sum(map(len, elsewhere.answers)) < sum(map(len, hellos))
        assert {answer[13] for answer in elsewhere.answers} == {3}
        assert latching(at.offerer).remote != elsewhere.transport.get_extra_info("sockname")


@pytest.mark.conformance("6.7.2-latching")
async def test_handshake_replayed_from_elsewhere_moves_no_media() -> None:
    async with third_party() as elsewhere, call_without_ice() as at:
        channel = at.offerer.createDataChannel("x")
        coming = expected(at.answerer, "datachannel")
        await connect(at)
        await opened(channel)
        before = latching(at.offerer).remote
        recorded = [each.data for each in at.wire.of(Side.ANSWERER) if each.is_dtls]
        for datagram in recorded:
            elsewhere.send(datagram, home(at))
        await answered(elsewhere)
        await says(channel, "still here", (await within(coming)).channel)
        # Two ClientHellos, the second with the cookie of another address.
        assert {answer[13] for answer in elsewhere.answers} == {3}
        assert latching(at.offerer).remote == before


@pytest.mark.conformance("6.7.2-latching")
async def test_media_replayed_from_elsewhere_moves_no_media() -> None:
    async with third_party() as elsewhere, call_without_ice() as at:
        coming = expected(at.offerer, "track")
        at.offerer.addTrack(ToneTrack(600))
        at.answerer.addTrack(ToneTrack(900))
        await connect(at)
        track = (await within(coming)).track
        await hears(track, 900)
        before = latching(at.offerer).remote
        diverted: list[Captured] = []

        def divert(each: Captured) -> list[bytes]:
            # On its way from the genuine peer, and taken away from it: not even a replay.
            if each.sender is Side.OFFERER or not each.is_srtp or len(diverted) >= 20:
                return list(pass_on(each))
            diverted.append(each)
            elsewhere.send(each.data, home(at))
            return []

        at.wire.fate = divert
        await at.wire.until(lambda: len(diverted) >= 20)
        await hears(track, 900)
        assert latching(at.offerer).remote == before
        assert elsewhere.answers == []


@pytest.mark.conformance("6.7.2-latching")
async def test_handshake_with_another_certificate_moves_no_media() -> None:
    async with third_party() as elsewhere, call_without_ice() as at:
        channel = at.offerer.createDataChannel("x")
        coming = expected(at.answerer, "datachannel")
        await connect(at)
        await opened(channel)
        before = latching(at.offerer).remote
        assert not await shake_hands(elsewhere, Certificate.generate(), home(at))
        await says(channel, "still here", (await within(coming)).channel)
        assert latching(at.offerer).remote == before
        assert at.offerer.connectionState == "connected"


@pytest.mark.conformance("6.7.2-latching")
async def test_new_handshake_of_the_peer_from_elsewhere_moves_media() -> None:
    certificate = Certificate.generate()
    async with third_party() as elsewhere, call_without_ice(certificate=certificate) as at:
        at.offerer.addTrack(ToneTrack(600))
        await connect(at)
        await at.wire.until(lambda: any(each.is_srtp for each in at.wire.of(Side.OFFERER)))
        assert await shake_hands(elsewhere, certificate, home(at))
        await answered(elsewhere, lambda data: 128 <= data[0] <= 191)
        assert latching(at.offerer).remote == elsewhere.transport.get_extra_info("sockname")
        assert at.offerer.connectionState == "connected"


@pytest.mark.conformance("6.7.2-latching")
async def test_client_takes_no_handshake_from_elsewhere() -> None:
    async with third_party() as elsewhere, call_without_ice(answer_role=AnswerRole.PASSIVE) as at:
        channel = at.offerer.createDataChannel("x")

        def divert(each: Captured) -> list[bytes]:
            if each.sender is Side.OFFERER or not each.is_dtls:
                return list(pass_on(each))
            elsewhere.send(each.data, home(at))
            return []

        at.wire.fate = divert
        await exchange(at)
        # The client calls again and again: what the server says comes from elsewhere.
        await at.wire.until(lambda: sum(each.is_dtls for each in at.wire.of(Side.ANSWERER)) >= 3)
        assert at.offerer.connectionState == "connecting"
        at.wire.fate = pass_on
        await opened(channel)
        assert elsewhere.answers == []


@pytest.mark.conformance("6.7.2-latching")
async def test_application_sees_that_a_path_has_no_ice() -> None:
    async with call_without_ice() as at:
        at.offerer.createDataChannel("x")
        await connect(at)
        for pc in (at.offerer, at.answerer):
            stats = [s for s in (await pc.getStats()).values() if isinstance(s, TransportStats)]
            assert [each.uses_ice for each in stats] == [False]
            assert not any(transport.uses_ice for transport in pc.security.transports)
            assert "no ICE" in str(pc.security)


async def test_default_policy_still_has_ice_and_says_so() -> None:
    async with PeerConnection() as pc:
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        assert "a=ice-ufrag" in local(pc).sdp
        assert destination(local(pc))[1] != 9
        assert all(transport.uses_ice for transport in pc.security.transports)
