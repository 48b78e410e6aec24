"""The statistics of a receiver as values (W3C webrtc-stats sections 8.2, 8.3 and 8.6)."""

from __future__ import annotations

from peer.rtp.stats import RtpStreamStats
from peer.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundRtpStats(RtpStreamStats):
    """Statistics of one received SSRC (RTCInboundRtpStreamStats). Durations are in seconds.

    From `framesDecoded` on they are of the whole receiver, whichever SSRC the frames came from.
    Frames are decoded only while the track is read: others count in `framesReceived` alone.

    Args:
        trackIdentifier: The id of the receiver's track.
        codecId: The id of the `codec` entry; None before the first frame.
        remoteId: The id of the `remote-outbound-rtp` entry; None before the peer has reported.
        packetsReceived: Packets, duplicates included, retransmissions not.
        bytesReceived: Payload without headers and padding.
        packetsLost: Packets expected less received; negative where duplicates came.
        packetsDiscarded: Packets too late, or too far ahead, to be used.
        jitter: Interarrival jitter (RFC 3550 section 6.4.1).
        lastPacketReceivedTimestamp: In milliseconds since 1970.
        rtxSsrc: The SSRC that retransmits this one; None before its first packet.
        retransmittedPacketsReceived: Packets of that SSRC.
        retransmittedBytesReceived: Payload of these.
        nackCount: RTCP NACK packets sent.
        pliCount: Picture loss indications sent.
        firCount: Full intra requests sent.
        framesReceived: Complete frames.
        framesDecoded: Video frames, or audio packets.
        keyFramesDecoded: Key frames among these.
        framesDropped: Complete frames not decoded, or decoded and not fetched in time.
        frameWidth: Width of the last video frame decoded, in pixels.
        frameHeight: Height of the last video frame decoded, in pixels.
        totalDecodeTime: Seconds spent decoding.
        totalSamplesReceived: Audio samples decoded, or filled in for lost ones.
        concealedSamples: Samples among these that were extrapolated, as nothing of them came.
        concealmentEvents: Losses that were so filled in.
        jitterBufferDelay: Seconds that frames waited in front of the decoder, summed.
        jitterBufferTargetDelay: Target delay at each of these frames, summed.
        jitterBufferEmittedCount: Frames in these sums.
        freezeCount: Freezes of the video while the track was read.
        totalFreezesDuration: Seconds of these freezes.
        audioLevel: Of the last audio packet, 0 to 1, linear; None where the sender says none.
    """

    trackIdentifier: str
    codecId: str | None
    remoteId: str | None
    packetsReceived: int
    bytesReceived: int
    packetsLost: int
    packetsDiscarded: int
    jitter: float
    lastPacketReceivedTimestamp: float
    rtxSsrc: int | None
    retransmittedPacketsReceived: int
    retransmittedBytesReceived: int
    nackCount: int
    pliCount: int
    firCount: int
    framesReceived: int
    framesDecoded: int
    keyFramesDecoded: int
    framesDropped: int
    frameWidth: int | None
    frameHeight: int | None
    totalDecodeTime: float
    totalSamplesReceived: int
    concealedSamples: int
    concealmentEvents: int
    jitterBufferDelay: float
    jitterBufferTargetDelay: float
    jitterBufferEmittedCount: int
    freezeCount: int
    totalFreezesDuration: float
    audioLevel: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOutboundRtpStats(RtpStreamStats):
    """Counts of the last sender report about an SSRC (RTCRemoteOutboundRtpStreamStats).

    Args:
        localId: Id of the `inbound-rtp` entry.
        packetsSent: Packets that the peer sent.
        bytesSent: Payload of these.
        remoteTimestamp: Time of the report by the peer's clock, in milliseconds since 1970.
    """

    localId: str
    packetsSent: int
    bytesSent: int
    remoteTimestamp: float
