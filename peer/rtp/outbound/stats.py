"""Owns the entries of statistics about a sender's stream (W3C webrtc-stats 8.4 and 8.5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from peer.rtp.stats import RtpStreamStats


class QualityLimitation(StrEnum):
    """What keeps a picture below what it could be (RTCQualityLimitationReason)."""

    NONE = "none"
    BANDWIDTH = "bandwidth"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRtpStats(RtpStreamStats):
    """What we sent.

    Args:
        codecId: Of the `codec` entry.
        mediaSourceId: Of the `media-source` entry; None while there is no track.
        remoteId: Of the `remote-inbound-rtp` entry; None before the peer has reported.
        rtxSsrc: Of the retransmissions; None where RTX was not agreed.
        active: Whether the application lets it be sent.
        packetsSent: With retransmissions, over RTX too.
        bytesSent: Payload of `packetsSent`.
        headerBytesSent: RTP headers and extensions, without those of retransmissions.
        retransmittedPacketsSent: Part of `packetsSent`.
        retransmittedBytesSent: Part of `bytesSent`.
        framesSent: Of which something was sent, whether encoded here or not.
        framesEncoded: That we encoded, and not those that came encoded.
        keyFramesEncoded: Part of `framesEncoded`.
        frameWidth: Of the picture sent last, in pixels; None where not known.
        frameHeight: Of the picture sent last, in pixels; None where not known.
        totalEncodeTime: Seconds spent on `framesEncoded`.
        totalPacketSendDelay: Seconds that packets waited in the pacer, summed over packets.
        targetBitrate: What the encoder aims at, in bits a second; None for sound.
        qualityLimitationReason: Whether the way to the peer is too narrow; None for sound.
        nackCount: Requests of the peer to send packets again.
        pliCount: Requests of the peer for a key frame.
        firCount: The same, in the other form.
    """

    codecId: str
    mediaSourceId: str | None
    remoteId: str | None
    rtxSsrc: int | None
    active: bool
    packetsSent: int
    bytesSent: int
    headerBytesSent: int
    retransmittedPacketsSent: int
    retransmittedBytesSent: int
    framesSent: int
    framesEncoded: int
    keyFramesEncoded: int
    frameWidth: int | None
    frameHeight: int | None
    totalEncodeTime: float
    totalPacketSendDelay: float
    targetBitrate: int | None
    qualityLimitationReason: QualityLimitation | None
    nackCount: int
    pliCount: int
    firCount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteInboundRtpStats(RtpStreamStats):
    """What the peer says it received of our stream.

    Args:
        localId: Of the `outbound-rtp` entry.
        packetsLost: Of all sent so far; negative when duplicates arrived.
        fractionLost: 0 to 1, since the report before.
        jitter: In seconds.
        roundTripTime: In seconds; None before the first measurement.
        totalRoundTripTime: In seconds, summed over measurements.
        roundTripTimeMeasurements: How many there were.
    """

    localId: str
    packetsReceived: int
    packetsLost: int
    fractionLost: float
    jitter: float
    roundTripTime: float | None
    totalRoundTripTime: float
    roundTripTimeMeasurements: int
