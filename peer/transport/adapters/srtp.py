"""SRTP of one DTLS association by libsrtp: its keys, as aiortc derives them, and each packet.

pylibsrtp's `Session` makes the keys and frees them. Its own methods allocate a number for the
length of each packet, and raise for each packet that is not authentic; beside AES-GCM that is 40%
of a packet's time. `SrtpSession` calls libsrtp itself.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCCertificate, SRTPProtectionProfile
from pylibsrtp import Policy, Session, _binding

from peer.configuration.security_policy import SrtpProfile
from peer.srtp_keys import CryptoSuite
from peer.states import DtlsRole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from OpenSSL import SSL

    from peer.identity.certificate import Certificate
    from peer.srtp_keys import SrtpMasterKey

#: Bytes that libsrtp may append: an SRTCP index, a tag and an MKI (SRTP_MAX_TRAILER_LEN).
TRAILER: Final = 4 + 16 + 128
#: Largest protected packet in bytes (ours: that of Ethernet).
LARGEST: Final = 1500
#: Bound on the SSRCs with SRTP state: libsrtp keeps one for each SSRC that authenticates, so that
#: a peer could make it grow (ours, as many as the router knows: `SSRC_LIMIT`).
MAX_SSRCS: Final = 1024
#: SSRCs with state in one session of libsrtp, which looks through them for each packet; beyond,
#: another session begins (ours: 0.2 us for the last of them).
SESSION_SSRCS: Final = 32
# RFC 5764 section 4.2.
_EXPORTER_LABEL: Final = b"EXTRACTOR-dtls_srtp"
#: SRTP profiles that libsrtp has been built with, the strongest first.
AVAILABLE_SRTP_PROFILES = tuple(
    SrtpProfile(profile.openssl_profile.decode()) for profile in SRTP_PROFILES
)


#: libsrtp's profiles of the crypto suites of SDES. That with a tag of 32 bits has one of 80 bits
#: for SRTCP (RFC 4568 section 6.2.2).
_SDES_PROFILES: Final = {
    CryptoSuite.AEAD_AES_256_GCM: Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    CryptoSuite.AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    CryptoSuite.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    CryptoSuite.AES_CM_128_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}


class SrtpSession:
    """One direction of the SRTP of an association.

    Each operation returns None for a packet that is malformed, too large, a replay, or not
    authentic.

    Args:
        session: Keeps the keys, which are freed with the last reference to the session.

    Attributes:
        protect: Encrypts an RTP packet.
        protect_all: Encrypts several RTP packets in their order; those that cannot be are left out.
        protect_rtcp: Encrypts an RTCP packet.
        unprotect: Authenticates and decrypts an SRTP packet.
        unprotect_rtcp: Authenticates and decrypts an SRTCP packet.
    """

    def __init__(self, session: Session) -> None:
        lib = _binding.lib
        self._session = session
        self.protect = _operation(session, lib.srtp_protect, LARGEST - TRAILER)
        self.protect_all = _operation_for_all(session, lib.srtp_protect, LARGEST - TRAILER)
        self.protect_rtcp = _operation(session, lib.srtp_protect_rtcp, LARGEST - TRAILER)
        self.unprotect = _operation(session, lib.srtp_unprotect, LARGEST)
        self.unprotect_rtcp = _operation(session, lib.srtp_unprotect_rtcp, LARGEST)

    def remove_stream(self, ssrc: int) -> None:
        """Forget the state of an SSRC; libsrtp makes a new one should the SSRC come again."""
        self._session.remove_stream(ssrc)


class Srtp:
    """Both directions of the SRTP of one association, with a bound on the inbound streams.

    libsrtp looks for the stream of a packet among all of its session, the latest first. So inbound
    streams are spread over several sessions with the same keys, and the cost of a packet does not
    grow with the SSRCs that the peer uses.

    A session is made with the first packet: a connection without media never has one.

    Args:
        new_inbound: Makes a session that unprotects packets of the peer.
        new_outbound: Makes the session that protects our packets.
    """

    def __init__(
        self,
        *,
        new_inbound: Callable[[], SrtpSession],
        new_outbound: Callable[[], SrtpSession],
    ) -> None:
        self._new_inbound = new_inbound
        self._new_outbound = new_outbound
        # Least recently used first. A run of packets of one SSRC moves it only once.
        self._groups: OrderedDict[bytes, _Group] = OrderedDict()
        #: The session that has room for one more stream, once there is one.
        self._open: _Group | None = None
        #: The SSRC whose packets the next two take.
        self._latest: bytes | None = None
        self._unprotect: Callable[[bytes], bytes | None]
        self._unprotect_rtcp: Callable[[bytes], bytes | None]

    @classmethod
    def of(cls, connection: SSL.Connection, role: DtlsRole) -> Srtp | None:
        """Derive the keys of a completed handshake, as aiortc does (RFC 5764 section 4.2).

        Args:
            connection: OpenSSL's end of the handshake.
            role: Our role, which says whose key is whose.

        Returns:
            None without a common SRTP profile.
        """
        name = connection.get_selected_srtp_profile()
        for profile in SRTP_PROFILES:
            if profile.openssl_profile == name:
                break
        else:
            return None
        size = 2 * (profile.key_length + profile.salt_length)
        material = connection.export_keying_material(_EXPORTER_LABEL, size)
        ours = int(role is DtlsRole.SERVER)
        inbound, outbound = (
            _policy(profile, profile.get_key_and_salt(material, whose), direction)
            for whose, direction in (
                (1 - ours, Policy.SSRC_ANY_INBOUND),
                (ours, Policy.SSRC_ANY_OUTBOUND),
            )
        )
        return cls(
            new_inbound=lambda: SrtpSession(Session(inbound)),
            new_outbound=lambda: SrtpSession(Session(outbound)),
        )

    @classmethod
    def of_keys(cls, *, ours: SrtpMasterKey, theirs: SrtpMasterKey) -> Srtp:
        """Use keys that signalling has carried (RFC 4568).

        Args:
            ours: The key that our packets are protected with.
            theirs: The key of the peer's packets.
        """
        inbound = _sdes_policy(theirs, Policy.SSRC_ANY_INBOUND)
        outbound = _sdes_policy(ours, Policy.SSRC_ANY_OUTBOUND)
        return cls(
            new_inbound=lambda: SrtpSession(Session(inbound)),
            new_outbound=lambda: SrtpSession(Session(outbound)),
        )

    @cached_property
    def outbound(self) -> SrtpSession:
        """The session that protects our packets: one, as it counts them."""
        return self._new_outbound()

    @property
    def authenticated(self) -> bool:
        """True once any SRTP or SRTCP packet has authenticated."""
        return bool(self._groups)

    def unprotect(self, packet: bytes) -> bytes | None:
        """Authenticate and decrypt an SRTP packet; None where it is not the peer's, or a replay."""
        ssrc = packet[8:12]
        if ssrc == self._latest:
            return self._unprotect(packet)
        group = self._group(ssrc)
        plain = group.session.unprotect(packet)
        if plain is not None:
            self._remember(ssrc, group)
        return plain

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """Authenticate and decrypt an SRTCP packet; None where not the peer's, or a replay."""
        ssrc = packet[4:8]
        if ssrc == self._latest:
            return self._unprotect_rtcp(packet)
        group = self._group(ssrc)
        plain = group.session.unprotect_rtcp(packet)
        if plain is not None:
            self._remember(ssrc, group)
        return plain

    def _group(self, ssrc: bytes) -> _Group:
        """The streams that an SSRC belongs to, or would."""
        found = self._groups.get(ssrc)
        if found is not None:
            return found
        if self._open is None:
            self._open = _Group(self._new_inbound())
        return self._open

    def _remember(self, ssrc: bytes, group: _Group) -> None:
        self._latest = ssrc
        self._unprotect = group.session.unprotect
        self._unprotect_rtcp = group.session.unprotect_rtcp
        if ssrc in self._groups:
            self._groups.move_to_end(ssrc)
            return
        self._groups[ssrc] = group
        group.size += 1
        if len(self._groups) > MAX_SSRCS:
            oldest, self._open = self._groups.popitem(last=False)
            self._open.session.remove_stream(int.from_bytes(oldest))
            self._open.size -= 1
        elif group.size == SESSION_SSRCS:
            self._open = None


@dataclass(slots=True)
class _Group:
    """Inbound streams that share a session of libsrtp.

    Args:
        session: Has their state.
        size: How many they are.
    """

    session: SrtpSession
    size: int = 0


def rtc_certificate(certificate: Certificate) -> RTCCertificate:
    """Convert our certificate to one of aiortc."""
    return RTCCertificate(
        key=cast("EllipticCurvePrivateKey", certificate.private_key), cert=certificate.certificate
    )


def _policy(profile: SRTPProtectionProfile, key: bytes, direction: int) -> Policy:
    return _tolerant(Policy(key=key, ssrc_type=direction, srtp_profile=profile.libsrtp_profile))


def _sdes_policy(key: SrtpMasterKey, direction: int) -> Policy:
    profile = _SDES_PROFILES[key.suite]
    return _tolerant(Policy(key=key.material, ssrc_type=direction, srtp_profile=profile))


def _tolerant(policy: Policy) -> Policy:
    # As aiortc has them: a packet may be sent again as it was, and a packet that is late by up to
    # 1,023 others is no replay.
    policy.allow_repeat_tx = True
    policy.window_size = 1024
    return policy


def _operation(
    session: Session, function: Callable[[Any, Any, Any], int], largest: int
) -> Callable[[bytes], bytes | None]:
    ffi = _binding.ffi
    handle = session._srtp[0]
    memory = ffi.new("char[]", LARGEST)
    buffer = ffi.buffer(memory)
    length = ffi.new("int *")

    # The session is an argument, so that it lives as long as its handle does.
    def operate(packet: bytes, _alive: Session = session) -> bytes | None:
        size = len(packet)
        if size > largest:
            return None
        length[0] = size
        buffer[:size] = packet
        if function(handle, memory, length):
            return None
        plain: bytes = buffer[: length[0]]
        return plain

    return operate


# `_operation` with a loop inside: a call for each packet would be a fifth of its time.
def _operation_for_all(
    session: Session, function: Callable[[Any, Any, Any], int], largest: int
) -> Callable[[Sequence[bytes]], list[bytes]]:
    ffi = _binding.ffi
    handle = session._srtp[0]
    memory = ffi.new("char[]", LARGEST)
    buffer = ffi.buffer(memory)
    length = ffi.new("int *")

    def operate(packets: Sequence[bytes], _alive: Session = session) -> list[bytes]:
        done: list[bytes] = []
        for packet in packets:
            size = len(packet)
            if size > largest:
                continue
            length[0] = size
            buffer[:size] = packet
            if not function(handle, memory, length):
                done.append(buffer[: length[0]])
        return done

    return operate
