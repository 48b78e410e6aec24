"""Encoded frames in RTP payloads, ready for any number of senders."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp.levels import AudioLevel, MeasuredLevel
    from peer.times import MonotonicTime, Seconds, UnixTime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingFrame:
    """One encoded frame, packetised; the same object for all senders of a track.

    Args:
        payloads: RTP payloads of its packets, in order; at least one.
        pts: Time on the timeline of the track.
        time_base: Seconds of a tick of `pts`.
        duration: Duration of audio in seconds; 0 where not known.
        keyframe: Whether the frame can be decoded by itself; always true for audio.
        level: Audio level; None for video and where not known.
        capture_monotonic: When the track gave the frame.
        capture_time: When the frame was captured, by our clock or by that of the sender of a
            relayed frame; None where not known.
        size: Octets of the frame before it was packetised.
        encoded: Whether the frame was encoded here, and not passed through.
        encode_time: Seconds that the encoder worked on the frame.
        width: Width of video in pixels; None where not known.
        height: Height of video in pixels; None where not known.
    """

    payloads: tuple[bytes, ...]
    pts: int
    time_base: Fraction
    duration: Fraction = Fraction(0)
    keyframe: bool = True
    level: AudioLevel | MeasuredLevel | None = None
    capture_monotonic: MonotonicTime = 0.0
    capture_time: UnixTime | None = None
    size: int = 0
    encoded: bool = True
    encode_time: Seconds = 0.0
    width: int | None = None
    height: int | None = None
