"""SRTP of one DTLS association by libsrtp: its keys, as aiortc derives them, and each packet.

pylibsrtp's `Session` makes the keys and frees them. Its own methods allocate a number for the
length of each packet, and raise for each packet that is not authentic; beside AES-GCM that is 40%
of a packet's time. `SrtpSession` calls libsrtp itself.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, cast

from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCCertificate, RTCDtlsTransport
from pylibsrtp import _binding

from peer.security_policy import SrtpProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiortc.rtcicetransport import RTCIceTransport
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from OpenSSL import SSL
    from pylibsrtp import Session

    from peer.identity.certificate import Certificate
    from peer.states import DtlsRole

#: Bytes that libsrtp may append: an SRTCP index, a tag and an MKI (SRTP_MAX_TRAILER_LEN).
TRAILER: Final = 4 + 16 + 128
#: Largest protected packet in bytes (ours: that of Ethernet).
LARGEST: Final = 1500
#: Bound on the SSRCs with SRTP state: libsrtp keeps one for each SSRC that authenticates, so that
#: a peer could make it grow (ours).
MAX_SSRCS: Final = 1024
#: SRTP profiles that libsrtp has been built with, the strongest first.
AVAILABLE_SRTP_PROFILES = tuple(
    SrtpProfile(profile.openssl_profile.decode()) for profile in SRTP_PROFILES
)


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

    Args:
        inbound: Unprotects packets of the peer.
        outbound: Protects our packets.

    Attributes:
        protect: Protects an RTP packet; None where it is malformed or too large.
        protect_all: Protects several RTP packets; those that it cannot protect are left out.
        protect_rtcp: Protects an RTCP packet; None where it is malformed or too large.
    """

    def __init__(self, *, inbound: SrtpSession, outbound: SrtpSession) -> None:
        self._inbound = inbound
        self._unprotect = inbound.unprotect
        self._unprotect_rtcp = inbound.unprotect_rtcp
        self.protect = outbound.protect
        self.protect_all = outbound.protect_all
        self.protect_rtcp = outbound.protect_rtcp
        # Least recently used first. A run of packets of one SSRC moves it only once.
        self._ssrcs: OrderedDict[bytes, None] = OrderedDict()
        self._latest = b""

    @property
    def authenticated(self) -> bool:
        """True once any SRTP or SRTCP packet has authenticated."""
        return bool(self._ssrcs)

    def unprotect(self, packet: bytes) -> bytes | None:
        """Authenticate and decrypt an SRTP packet; None where it is not the peer's, or a replay."""
        plain = self._unprotect(packet)
        if plain is not None and packet[8:12] != self._latest:
            self._remember(packet[8:12])
        return plain

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """Authenticate and decrypt an SRTCP packet; None where not the peer's, or a replay."""
        plain = self._unprotect_rtcp(packet)
        if plain is not None and packet[4:8] != self._latest:
            self._remember(packet[4:8])
        return plain

    def _remember(self, ssrc: bytes) -> None:
        self._latest = ssrc
        if ssrc in self._ssrcs:
            self._ssrcs.move_to_end(ssrc)
            return
        self._ssrcs[ssrc] = None
        if len(self._ssrcs) > MAX_SSRCS:
            oldest, _ = self._ssrcs.popitem(last=False)
            self._inbound.remove_stream(int.from_bytes(oldest))


class SrtpKeys(RTCDtlsTransport):
    """SRTP keys of a completed handshake, as aiortc derives them; its pull loop stays unused.

    Args:
        connection: OpenSSL's end of the handshake.
        role: Our role, which says whose key is whose (RFC 5764 section 4.2).
        certificate: Our certificate.

    Attributes:
        inbound: Unprotects packets of the peer; None without a common SRTP profile.
        outbound: Protects our packets; None without a common SRTP profile.
    """

    def __init__(
        self, connection: SSL.Connection, role: DtlsRole, certificate: Certificate
    ) -> None:
        super().__init__(cast("RTCIceTransport", None), [rtc_certificate(certificate)])
        self._ssl = connection
        self._set_role(role.value)
        self._setup_srtp()
        rx: Session | None = self._rx_srtp
        tx: Session | None = self._tx_srtp
        self.inbound = None if rx is None else SrtpSession(rx)
        self.outbound = None if tx is None else SrtpSession(tx)


def rtc_certificate(certificate: Certificate) -> RTCCertificate:
    """Convert our certificate to one of aiortc."""
    return RTCCertificate(
        key=cast("EllipticCurvePrivateKey", certificate.private_key), cert=certificate.certificate
    )


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
