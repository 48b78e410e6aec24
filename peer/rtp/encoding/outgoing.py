"""Owns `OutgoingFrame`: an encoded frame in the payloads that senders put into packets."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.levels import AudioLevel
    from peer.times import UnixTime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingFrame:
    """What all senders of a track are given: one object, shared.

    Args:
        payloads: Of its packets in their order; at least one.
        pts: On the track's own timeline.
        time_base: Seconds for each tick of `pts`.
        duration: Of sound, in seconds; 0 where it is not known.
        keyframe: Whether it can be decoded by itself; always true for sound.
        level: How loud sound is; None for pictures and where it is not known.
        capture_monotonic: When the track gave it, in seconds of the monotonic clock.
        capture_time: When it was captured, in seconds since 1970: by our clock, or as the sender
            of a relayed frame said; None where that is not known.
        size: Octets of the frame before it was packetised.
        encoded: Whether it was encoded here, rather than passed on.
        encode_time: Seconds that the encoder worked on it.
        width: Of a picture in pixels; None where it is not known.
        height: Of a picture in pixels; None where it is not known.
    """

    payloads: tuple[bytes, ...]
    pts: int
    time_base: Fraction
    duration: Fraction = Fraction(0)
    keyframe: bool = True
    level: AudioLevel | None = None
    capture_monotonic: float = 0.0
    capture_time: UnixTime | None = None
    size: int = 0
    encoded: bool = True
    encode_time: float = 0.0
    width: int | None = None
    height: int | None = None
