"""Holds the results of encoders: one video frame or one audio packet, with its time."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp.levels import AudioLevel, MeasuredLevel


@dataclass(frozen=True, slots=True)
class EncodedVideoFrame:
    """One video frame as an encoder made it.

    Args:
        payload: The whole frame, in the form that `peer.rtp.encoded_frame.EncodedFrame` describes.
        keyframe: Whether the frame can be decoded by itself.
        pts: Time of the frame it was encoded from.
        time_base: Seconds of a tick of `pts`.
        width: Encoded width in pixels.
        height: Encoded height in pixels.
    """

    payload: bytes
    keyframe: bool
    pts: int
    time_base: Fraction
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class EncodedAudioPacket:
    """One audio packet as an encoder made it.

    Args:
        payload: RTP payload.
        pts: Time of its first sample, on the timeline of the frames it was encoded from.
        time_base: Seconds of a tick of `pts`: 1 / clock rate of the codec.
        duration: In seconds.
        level: Audio level (RFC 6464).
    """

    payload: bytes
    pts: int
    time_base: Fraction
    duration: Fraction
    level: AudioLevel | MeasuredLevel | None = None
