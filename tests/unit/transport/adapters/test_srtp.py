"""Our way through libsrtp: the same bytes as by pylibsrtp's own, the names, bounded SSRCs."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable
from typing import cast

import pylibsrtp
import pytest
from pylibsrtp import Policy, Session

from peer.transport.adapters.srtp import LARGEST, MAX_SSRCS, TRAILER, Srtp, SrtpSession
from tests.support.links.secure import rtcp, rtp

PROFILES = {
    "AES-256-GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    "AES-128-GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AES-CM": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}
KEY = bytes(range(46))

Ends = Callable[[int, bytes], Session]


@pytest.fixture(params=list(PROFILES.values()), ids=list(PROFILES))
def session(request: pytest.FixtureRequest) -> Ends:
    def make(direction: int, key: bytes = KEY) -> Session:
        return Session(Policy(key=key, ssrc_type=direction, srtp_profile=request.param))

    return make


def sending(make: Ends) -> SrtpSession:
    return SrtpSession(make(Policy.SSRC_ANY_OUTBOUND, KEY))


def receiving(make: Ends, key: bytes = KEY) -> SrtpSession:
    return SrtpSession(make(Policy.SSRC_ANY_INBOUND, key))


def protected(make: Ends, packet: bytes) -> bytes:
    out = sending(make).protect(packet)
    assert out is not None
    return out


def test_srtp_session_protects_as_pylibsrtp_does(session: Ends) -> None:
    ours, theirs = sending(session), session(Policy.SSRC_ANY_OUTBOUND, KEY)
    for number in range(3):
        assert ours.protect(rtp(number)) == theirs.protect(rtp(number))
    assert ours.protect_rtcp(rtcp()) == theirs.protect_rtcp(rtcp())


def test_protect_all_is_protect_one_by_one(session: Ends) -> None:
    theirs = session(Policy.SSRC_ANY_OUTBOUND, KEY)
    packets = [rtp(1), b"no packet", rtp(2, bytes(900)), rtp(3, bytes(LARGEST)), rtp(4)]
    protected = sending(session).protect_all(packets)
    assert protected == [theirs.protect(packets[index]) for index in (0, 2, 4)]


def test_srtp_session_unprotects_packets_of_pylibsrtp(session: Ends) -> None:
    ours, theirs = receiving(session), session(Policy.SSRC_ANY_OUTBOUND, KEY)
    for size in (0, 1, 1100, LARGEST - TRAILER - 12):
        packet = rtp(size, bytes(size))
        assert ours.unprotect(theirs.protect(packet)) == packet
    assert ours.unprotect_rtcp(theirs.protect_rtcp(rtcp())) == rtcp()


def test_unprotect_of_a_replay_is_none(session: Ends) -> None:
    inbound, packet = receiving(session), protected(session, rtp(1))
    assert inbound.unprotect(packet) == rtp(1)
    assert inbound.unprotect(packet) is None


def test_unprotect_of_a_changed_bit_is_none(session: Ends) -> None:
    inbound, packet = receiving(session), protected(session, rtp(1))
    for index in range(len(packet)):
        forged = bytearray(packet)
        forged[index] ^= 1
        assert inbound.unprotect(bytes(forged)) is None
    assert inbound.unprotect(packet) == rtp(1)


def test_unprotect_of_a_changed_length_is_none(session: Ends) -> None:
    inbound, packet = receiving(session), protected(session, rtp(1))
    for size in range(len(packet)):
        assert inbound.unprotect(packet[:size]) is None
        assert inbound.unprotect_rtcp(packet[:size]) is None
    assert inbound.unprotect(packet) == rtp(1)


def test_unprotect_with_another_key_is_none(session: Ends) -> None:
    packet = protected(session, rtp(1))
    assert receiving(session, bytes(46)).unprotect(packet) is None


@pytest.mark.parametrize("size", [LARGEST + 1, 5000, 65_000])
def test_packet_too_large_for_srtp_is_none(session: Ends, size: int) -> None:
    inbound, outbound = receiving(session), sending(session)
    packet = rtp(1, bytes(size))
    assert inbound.unprotect(packet) is None
    assert inbound.unprotect_rtcp(packet) is None
    assert outbound.protect(packet) is None
    assert outbound.protect_rtcp(packet) is None


def test_largest_srtp_packet_leaves_room_for_the_trailer(session: Ends) -> None:
    outbound = sending(session)
    assert outbound.protect(rtp(1, bytes(LARGEST - TRAILER - 12))) is not None
    assert outbound.protect(rtp(2, bytes(LARGEST - TRAILER - 11))) is None


def test_removed_srtp_stream_begins_anew(session: Ends) -> None:
    inbound, packet = receiving(session), protected(session, rtp(1))
    assert inbound.unprotect(packet) is not None
    inbound.remove_stream(1234)
    assert inbound.unprotect(packet) is not None


def test_srtp_operation_outlives_its_session(session: Ends) -> None:
    protect = sending(session).protect
    gc.collect()
    assert protect(rtp(1)) == protected(session, rtp(1))


def test_libsrtp_is_called_as_pylibsrtp_calls_it() -> None:
    source = inspect.getsource(pylibsrtp.Session)
    assert "self._srtp = ffi.gc(srtp, lambda x: lib.srtp_dealloc(x[0]))" in source
    assert "func(self._srtp[0], self._cdata, len_p)" in source
    assert pylibsrtp.SRTP_MAX_SRTCP_TRAILER_LEN == TRAILER


class OpenSession:
    """Authenticates all but packets that end in `bad`."""

    def __init__(self) -> None:
        self.removed: list[int] = []

    def unprotect(self, packet: bytes) -> bytes | None:
        return None if packet.endswith(b"bad") else packet

    unprotect_rtcp = protect = protect_all = protect_rtcp = unprotect

    def remove_stream(self, ssrc: int) -> None:
        self.removed.append(ssrc)


def opened() -> tuple[Srtp, OpenSession]:
    session = OpenSession()
    return Srtp(
        inbound=cast("SrtpSession", session), outbound=cast("SrtpSession", session)
    ), session


def test_srtp_forgets_the_least_recent_ssrc_beyond_the_bound() -> None:
    srtp, session = opened()
    for ssrc in range(MAX_SSRCS):
        srtp.unprotect(rtp(1, ssrc=ssrc))
    srtp.unprotect(rtp(2, ssrc=0))
    srtp.unprotect_rtcp(rtcp(ssrc=1))

    srtp.unprotect(rtp(1, ssrc=5000))
    srtp.unprotect(rtp(1, ssrc=5001))

    assert session.removed == [2, 3]


def test_srtp_remembers_no_ssrc_that_does_not_authenticate() -> None:
    srtp, session = opened()
    for ssrc in range(2 * MAX_SSRCS):
        assert srtp.unprotect(rtp(1, b"bad", ssrc)) is None

    assert session.removed == []
