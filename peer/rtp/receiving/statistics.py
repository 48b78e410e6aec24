"""Owns what is counted about each stream that a receiver got, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatistics:
    """The counts of one SSRC, at one moment.

    Args:
        ssrc: Of the stream.
        repairs: The SSRC that it retransmits (RFC 4588); None for a stream of media.
        packets: Received, duplicates included.
        bytes: Payload of these packets, without headers and padding.
        lost: As RFC 3550 section 6.4.1 counts it: negative where duplicates came.
        jitter: Interarrival jitter (RFC 3550 section 6.4.1), in seconds.
        last_arrival: Of a packet, in seconds of our monotonic clock.
        discarded: Packets that came too late, or too far ahead, to be used.
        duplicates: Packets that were there already.
        malformed: Packets or frames that their payload format does not allow.
        nack_count: RTCP NACK packets sent.
        pli_count: Picture loss indications sent.
        fir_count: Full intra requests sent.
        recovered: Packets that a retransmission stream brought back.
        retransmitted_packets: Received in the retransmission stream, needed or not.
        retransmitted_bytes: Payload of these.
        frames: Given, whole.
        keyframes: Those of them that can be decoded by themselves.
        frames_dropped: Pictures that came whole, but cannot be decoded after a loss.
        gaps: Times that a loss was given up.
        hold: Seconds that a loss is waited for, at present.
    """

    ssrc: int
    repairs: int | None = None
    packets: int = 0
    bytes: int = 0
    lost: int = 0
    jitter: float = 0.0
    last_arrival: float = 0.0
    discarded: int = 0
    duplicates: int = 0
    malformed: int = 0
    nack_count: int = 0
    pli_count: int = 0
    fir_count: int = 0
    recovered: int = 0
    retransmitted_packets: int = 0
    retransmitted_bytes: int = 0
    frames: int = 0
    keyframes: int = 0
    frames_dropped: int = 0
    gaps: int = 0
    hold: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributingSource:
    """Somebody whom a mixer named (RFC 3550 section 5.1, CSRC).

    Args:
        source: The CSRC.
        timestamp: Of RTP, of the last packet that named it.
        arrival: Of that packet, in seconds of our monotonic clock.
    """

    source: int
    timestamp: int
    arrival: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayoutStatistics:
    """What waiting before the decoder cost so far (W3C webrtc-stats section 8.3).

    Args:
        delay: Seconds that frames spent waiting, summed over the frames (jitterBufferDelay).
        target_delay: The target at each of them, summed (jitterBufferTargetDelay).
        emitted: Frames given (jitterBufferEmittedCount).
        late: Those of them that came after the time they were due.
        dropped: Frames that were not fetched in time.
    """

    delay: float = 0.0
    target_delay: float = 0.0
    emitted: int = 0
    late: int = 0
    dropped: int = 0
