"""Statistics of a secure transport, as one value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.configuration.security_policy import SrtpProfile
    from peer.identity.fingerprints import Fingerprint
    from peer.srtp_keys import CryptoSuite
    from peer.states import DtlsRole, DtlsTransportState, MediaEncryption


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureTransportStats:
    """One moment of a secure transport (W3C webrtc-stats RTCTransportStats, and more).

    Args:
        state: State of the transport.
        encryption: Protection of its media.
        association: Number of the association that we send with, which the next eight are of.
        role: Our role in the handshake; None before it is known.
        version: For example `DTLSv1.2`; None before the handshake is complete, like the next two.
        cipher: The cipher suite by OpenSSL's name.
        srtp_profile: For example `SRTP_AEAD_AES_256_GCM`; None also where the peer has no SRTP.
        crypto_suite: The crypto suite of keys of signalling (RFC 4568); else None.
        local_fingerprint: SHA-256 of our certificate.
        remote_fingerprint: SHA-256 of the certificate that the peer has shown.
        local_chain: Our certificate and those of its issuers, in DER.
        remote_chain: Likewise what the peer has shown; empty before that.
        packets_sent: As in `Counters`, like the following.
    """

    state: DtlsTransportState
    encryption: MediaEncryption
    association: int
    role: DtlsRole | None
    version: str | None
    cipher: str | None
    srtp_profile: SrtpProfile | None
    crypto_suite: CryptoSuite | None
    local_fingerprint: Fingerprint
    remote_fingerprint: Fingerprint | None
    local_chain: tuple[bytes, ...]
    remote_chain: tuple[bytes, ...]
    packets_sent: int
    packets_received: int
    bytes_sent: int
    bytes_received: int
    dropped_unsent: int
    dropped_unauthentic: int
    dropped_early: int
    dropped_unexpected: int
