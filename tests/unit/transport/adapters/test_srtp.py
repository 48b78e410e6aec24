"""Our way through libsrtp: the same bytes as by pylibsrtp's own, the names, bounded SSRCs."""

# ruff: noqa: SLF001 - aiortc keeps its SRTP sessions under private names

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pylibsrtp
import pytest
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCDtlsTransport
from pylibsrtp import Policy, Session

from peer.identity.certificate import Certificate
from peer.rtp.engine.router import SSRC_LIMIT
from peer.states import DtlsRole
from peer.transport.adapters.srtp import (
    LARGEST,
    MAX_SSRCS,
    SESSION_SSRCS,
    TRAILER,
    Srtp,
    SrtpSession,
    rtc_certificate,
)
from tests.support.links.secure import rtcp, rtp

if TYPE_CHECKING:
    from OpenSSL import SSL

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


class Handshake:
    """A completed handshake, as far as keys are derived from it."""

    def __init__(self, profile: bytes) -> None:
        self.profile = profile

    def get_selected_srtp_profile(self) -> bytes:
        return self.profile

    def export_keying_material(self, label: bytes, size: int) -> bytes:
        assert label == b"EXTRACTOR-dtls_srtp"
        return bytes(range(size))


def aiortc_sessions(handshake: Handshake, role: DtlsRole) -> tuple[Session, Session]:
    """What aiortc unprotects and protects with after the same handshake."""
    transport = RTCDtlsTransport(cast("Any", None), [rtc_certificate(Certificate.generate())])
    transport._ssl = cast("Any", handshake)
    transport._set_role(role.value)
    transport._setup_srtp()
    assert transport._rx_srtp is not None
    assert transport._tx_srtp is not None
    return transport._rx_srtp, transport._tx_srtp


@pytest.mark.parametrize("role", list(DtlsRole))
@pytest.mark.parametrize("profile", [each.openssl_profile for each in SRTP_PROFILES])
async def test_srtp_keys_are_those_that_aiortc_derives(profile: bytes, role: DtlsRole) -> None:
    handshake = Handshake(profile)
    srtp = Srtp.of(cast("SSL.Connection", handshake), role)
    assert srtp is not None
    other = DtlsRole.CLIENT if role is DtlsRole.SERVER else DtlsRole.SERVER
    received, sent = aiortc_sessions(handshake, other)

    protected = srtp.outbound.protect(rtp(1))
    assert protected is not None
    assert received.unprotect(protected) == rtp(1)
    assert srtp.unprotect(sent.protect(rtp(2))) == rtp(2)
    # The replay window of aiortc: this one is late by 1,000 packets.
    assert srtp.unprotect(sent.protect(rtp(1002))) == rtp(1002)
    assert srtp.unprotect(sent.protect(rtp(3))) == rtp(3)


def test_a_handshake_without_an_srtp_profile_has_no_srtp() -> None:
    assert Srtp.of(cast("SSL.Connection", Handshake(b"")), DtlsRole.CLIENT) is None


class OpenSession:
    """Authenticates all but packets that end in `bad`, and knows its streams."""

    def __init__(self, removed: list[int]) -> None:
        self.streams: set[int] = set()
        self.removed = removed

    def unprotect(self, packet: bytes) -> bytes | None:
        if packet.endswith(b"bad"):
            return None
        self.streams.add(int.from_bytes(packet[8:12]))
        return packet

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        self.streams.add(int.from_bytes(packet[4:8]))
        return packet

    protect = protect_all = protect_rtcp = unprotect

    def remove_stream(self, ssrc: int) -> None:
        self.streams.remove(ssrc)
        self.removed.append(ssrc)


class Opened:
    """SRTP over open sessions, and what became of them."""

    def __init__(self) -> None:
        self.removed: list[int] = []
        self.sessions: list[OpenSession] = []
        outbound = cast("SrtpSession", OpenSession([]))
        self.srtp = Srtp(new_inbound=self._new, new_outbound=lambda: outbound)

    def _new(self) -> SrtpSession:
        self.sessions.append(OpenSession(self.removed))
        return cast("SrtpSession", self.sessions[-1])

    @property
    def streams(self) -> list[int]:
        return sorted(ssrc for session in self.sessions for ssrc in session.streams)


def test_srtp_forgets_the_least_recent_ssrc_beyond_the_bound() -> None:
    opened = Opened()
    for ssrc in range(MAX_SSRCS):
        opened.srtp.unprotect(rtp(1, ssrc=ssrc))
    opened.srtp.unprotect(rtp(2, ssrc=0))
    opened.srtp.unprotect_rtcp(rtcp(ssrc=1))

    opened.srtp.unprotect(rtp(1, ssrc=5000))
    opened.srtp.unprotect_rtcp(rtcp(ssrc=5001))

    assert opened.removed == [2, 3]


def test_srtp_remembers_no_ssrc_that_does_not_authenticate() -> None:
    opened = Opened()
    for ssrc in range(2 * MAX_SSRCS):
        assert opened.srtp.unprotect(rtp(1, b"bad", ssrc)) is None

    assert (opened.streams, opened.removed, len(opened.sessions)) == ([], [], 1)
    assert not opened.srtp.authenticated


def test_srtp_keeps_state_for_as_many_ssrcs_as_the_router_knows() -> None:
    assert MAX_SSRCS == SSRC_LIMIT
    opened = Opened()
    for ssrc in range(5 * MAX_SSRCS):
        opened.srtp.unprotect(rtp(1, ssrc=ssrc))

    assert opened.streams == list(range(4 * MAX_SSRCS, 5 * MAX_SSRCS))


def test_a_packet_of_any_of_many_ssrcs_is_looked_for_among_few() -> None:
    opened = Opened()
    for turn in range(3):
        # In another order each time, so that sessions fill and empty unevenly.
        for ssrc in range(0, 4 * MAX_SSRCS, turn + 1):
            opened.srtp.unprotect(rtp(turn, ssrc=ssrc))
            assert len(opened.sessions[-1].streams) <= SESSION_SSRCS

    assert max(len(session.streams) for session in opened.sessions) <= SESSION_SSRCS
    assert len(opened.sessions) <= MAX_SSRCS // SESSION_SSRCS + 1
    # Each stream has its state once, or its replays would pass.
    assert len(opened.streams) == len(set(opened.streams)) == MAX_SSRCS


def test_a_replay_of_any_of_many_ssrcs_is_none(session: Ends) -> None:
    srtp = Srtp(new_inbound=lambda: receiving(session), new_outbound=lambda: sending(session))
    outbound = sending(session)
    sent = [outbound.protect(rtp(1, ssrc=ssrc)) for ssrc in range(3 * SESSION_SSRCS)]
    packets = [packet for packet in sent if packet is not None]

    assert [srtp.unprotect(packet) for packet in packets] == [
        rtp(1, ssrc=ssrc) for ssrc in range(3 * SESSION_SSRCS)
    ]
    assert all(srtp.unprotect(packet) is None for packet in packets)


def test_an_ssrc_that_libsrtp_has_forgotten_begins_anew(session: Ends) -> None:
    srtp = Srtp(new_inbound=lambda: receiving(session), new_outbound=lambda: sending(session))
    outbound = sending(session)
    first = outbound.protect(rtp(1, ssrc=0))
    assert first is not None
    assert srtp.unprotect(first) is not None
    for ssrc in range(1, MAX_SSRCS + 1):
        if ssrc % 64 == 1:  # libsrtp is slow to send with many
            outbound = sending(session)
        assert srtp.unprotect(outbound.protect(rtp(1, ssrc=ssrc)) or b"") is not None

    assert srtp.unprotect(first) is not None
