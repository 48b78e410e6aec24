"""Owns what encoders give: one picture or one packet of sound, with its time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.levels import AudioLevel


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One picture.

    Args:
        payload: The whole of it, in the form that `peer.rtp.encoded_frame.EncodedFrame` describes.
        keyframe: Whether it can be decoded by itself.
        pts: The time of the frame it was made of.
        time_base: Seconds for each tick of `pts`.
        width: In pixels, as encoded.
        height: In pixels, as encoded.
    """

    payload: bytes
    keyframe: bool
    pts: int
    time_base: Fraction
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class EncodedSound:
    """One packet of sound.

    Args:
        payload: As it travels in RTP.
        pts: Of its first sample, on the timeline of the frames it was made of.
        time_base: Seconds for each tick of `pts`: always one by the codec's clock rate.
        duration: In seconds.
        level: How loud the sound in it is.
    """

    payload: bytes
    pts: int
    time_base: Fraction
    duration: Fraction
    level: AudioLevel | None = None
