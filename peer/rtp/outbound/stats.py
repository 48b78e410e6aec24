"""Statistics entries on an outgoing stream (W3C webrtc-stats sections 8.4 and 8.5)."""

from __future__ import annotations

from enum import StrEnum

from peer.rtp.stats import RtpStreamStats
from peer.values import dataclass


class QualityLimitation(StrEnum):
    """The reason why video is encoded below its best quality (RTCQualityLimitationReason)."""

    NONE = "none"
    BANDWIDTH = "bandwidth"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRtpStats(RtpStreamStats):
    """The stream as we sent it (RTCOutboundRtpStreamStats).

    Args:
        codecId: Id of the `codec` entry.
        mediaSourceId: Id of the `media-source` entry; None while there is no track.
        remoteId: Id of the `remote-inbound-rtp` entry; None before the peer has reported.
        rtxSsrc: SSRC of the RTX stream; None where RTX was not negotiated.
        rid: RID of the encoding; None where there is one alone.
        encodingIndex: Number of the encoding among those of the sender; None for audio.
        active: Whether the application lets the stream be sent.
        packetsSent: Packets sent, with retransmissions.
        bytesSent: Octets of payload in `packetsSent`.
        headerBytesSent: Octets of RTP headers and extensions, without those of retransmissions.
        retransmittedPacketsSent: Retransmissions among `packetsSent`.
        retransmittedBytesSent: Octets of retransmissions among `bytesSent`.
        framesSent: Frames of which a packet was sent, encoded here or not.
        framesEncoded: Frames that were encoded here.
        keyFramesEncoded: Keyframes among `framesEncoded`.
        frameWidth: Width of the last video frame in pixels; None where not known.
        frameHeight: Height of the last video frame in pixels; None where not known.
        totalEncodeTime: Seconds spent on `framesEncoded`.
        totalPacketSendDelay: Seconds that packets waited in the pacer, summed over packets.
        targetBitrate: Target bitrate of the encoder in bits/s; None for audio.
        qualityLimitationReason: Whether congestion control limits the encoder; None for audio.
        nackCount: NACK packets received.
        pliCount: Picture loss indications received.
        firCount: Full intra requests received.
    """

    codecId: str
    mediaSourceId: str | None
    remoteId: str | None
    rtxSsrc: int | None
    rid: str | None
    encodingIndex: int | None
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
    """The stream as the peer reports to receive it (RTCRemoteInboundRtpStreamStats).

    Args:
        localId: Id of the `outbound-rtp` entry.
        packetsReceived: Packets sent less packets lost.
        packetsLost: Packets lost so far; below zero where duplicates arrived.
        fractionLost: Fraction lost since the report before, 0 to 1.
        jitter: Interarrival jitter in seconds.
        roundTripTime: Last round trip in seconds; None before a measurement.
        totalRoundTripTime: Sum of all measured round trips in seconds.
        roundTripTimeMeasurements: Number of measurements.
    """

    localId: str
    packetsReceived: int
    packetsLost: int
    fractionLost: float
    jitter: float
    roundTripTime: float | None
    totalRoundTripTime: float
    roundTripTimeMeasurements: int
