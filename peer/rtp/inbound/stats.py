"""Owns the statistics of a receiver (W3C webrtc-stats sections 8.2, 8.3 and 8.6), as values."""

from __future__ import annotations

from dataclasses import dataclass

from peer.rtp.stats import RtpStreamStats


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundRtpStats(RtpStreamStats):
    """What we received. Times are in seconds.

    What concerns frames after they were put together, from `framesDecoded` on, is of the whole
    receiver, whichever stream they came from. Frames are decoded only while the track is read:
    those that nobody wanted are among `framesReceived` alone.

    Args:
        trackIdentifier: The id of the receiver's track.
        codecId: Of the `codec` entry; None before the first frame.
        packetsReceived: Duplicates included, retransmissions not.
        bytesReceived: Payload without headers and padding.
        packetsLost: Negative where duplicates came.
        packetsDiscarded: Too late, or too far ahead, to be used.
        jitter: Interarrival jitter (RFC 3550 section 6.4.1).
        lastPacketReceivedTimestamp: In milliseconds since 1970.
        rtxSsrc: Of the stream that retransmits this one; None where none was heard.
        retransmittedPacketsReceived: In that stream.
        retransmittedBytesReceived: In that stream.
        nackCount: RTCP packets sent that ask for packets.
        pliCount: Picture loss indications sent.
        firCount: Full intra requests sent.
        framesReceived: Complete ones.
        framesDecoded: Pictures, or packets of sound.
        keyFramesDecoded: Of them.
        framesDropped: Whole, but not decoded, or decoded and not fetched in time.
        frameWidth: Of the last picture decoded, in pixels.
        frameHeight: Of the last picture decoded, in pixels.
        totalDecodeTime: Spent decoding.
        totalSamplesReceived: Of sound, decoded.
        jitterBufferDelay: What frames waited in front of the decoder, summed.
        jitterBufferTargetDelay: What they were meant to, summed.
        jitterBufferEmittedCount: Frames that were summed.
        freezeCount: How often the picture froze, while it was read.
        totalFreezesDuration: For how long, all in all.
        audioLevel: 0 to 1, linear, of the last packet of sound; None where the sender says none.
    """

    trackIdentifier: str
    codecId: str | None
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
    jitterBufferDelay: float
    jitterBufferTargetDelay: float
    jitterBufferEmittedCount: int
    freezeCount: int
    totalFreezesDuration: float
    audioLevel: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOutboundRtpStats(RtpStreamStats):
    """What the peer says it sent. `remoteTimestamp` is in milliseconds since 1970, by its clock."""

    packetsSent: int
    bytesSent: int
    remoteTimestamp: float
