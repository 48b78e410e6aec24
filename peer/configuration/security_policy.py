"""Defines the security choices that every transport of a connection follows. PURE."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from peer.identity.fingerprints import HashFunction
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.times import Seconds


class SrtpProfile(StrEnum):
    """The SRTP protection profiles of RFC 5764 and RFC 7714 that we offer, by OpenSSL's names."""

    AEAD_AES_256_GCM = "SRTP_AEAD_AES_256_GCM"
    AEAD_AES_128_GCM = "SRTP_AEAD_AES_128_GCM"
    AES128_CM_HMAC_SHA1_80 = "SRTP_AES128_CM_SHA1_80"


class BestEffort(StrEnum):
    """Treatment of a peer whose description holds no keys at all (RFC 5763 section 6.11).

    With `PLAIN_RTP`, offers are written as RFC 8643 has them (`RTP/AVP` with a fingerprint), media
    is encrypted where the peer can, and flows as plain RTP where its description shows no key
    management whatever. A handshake that fails is never answered by plain RTP, data channels are
    always encrypted, and a connection that was encrypted once stays so.
    """

    OFF = "off"
    PLAIN_RTP = "plain-rtp"


class EarlyMedia(StrEnum):
    """The treatment of media whose sender is not verified yet (RFC 5763 sections 6.2, 8.1)."""

    HOLD = "hold"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityPolicy:
    """The security choices that every DTLS association of a connection follows.

    Args:
        srtp_profiles: SRTP profiles to offer and accept, the preferred one first.
        accepted_hashes: Fingerprints by other hashes count as absent.
        early_media: Whether media waits for the peer's fingerprint, or is handed up unverified.
        handshake_timeout: Longest time for a handshake in seconds, from when ICE has a path and the
            peer has our description.
        connect_timeout: Longest time in seconds that a peer is waited for who may not have our
            answer yet.
    """

    srtp_profiles: tuple[SrtpProfile, ...] = tuple(SrtpProfile)
    accepted_hashes: tuple[HashFunction, ...] = tuple(HashFunction)
    early_media: EarlyMedia = EarlyMedia.HOLD
    handshake_timeout: Seconds = 30.0
    connect_timeout: Seconds = 300.0
