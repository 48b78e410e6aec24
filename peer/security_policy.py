"""Owns what an application may choose about the security of its transports, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from peer.identity.fingerprints import HashFunction


class SrtpProfile(StrEnum):
    """The SRTP protection profiles that we know, by OpenSSL's names (RFC 5764, RFC 7714)."""

    AEAD_AES_256_GCM = "SRTP_AEAD_AES_256_GCM"
    AEAD_AES_128_GCM = "SRTP_AEAD_AES_128_GCM"
    AES128_CM_HMAC_SHA1_80 = "SRTP_AES128_CM_SHA1_80"


class EarlyMedia(StrEnum):
    """What becomes of media whose sender cannot be verified yet (RFC 5763 sections 6.2, 8.1)."""

    HOLD = "hold"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityPolicy:
    """The choices that every association of a connection follows.

    Args:
        srtp_profiles: What to offer and accept, the preferred one first.
        accepted_hashes: Fingerprints by other hashes count as absent.
        early_media: Whether media waits for the peer's fingerprint, or is handed up marked.
        handshake_timeout: Seconds from the moment when the peer can be reached.
    """

    srtp_profiles: tuple[SrtpProfile, ...] = tuple(SrtpProfile)
    accepted_hashes: tuple[HashFunction, ...] = tuple(HashFunction)
    early_media: EarlyMedia = EarlyMedia.HOLD
    handshake_timeout: float = 30.0
