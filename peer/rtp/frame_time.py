"""Gives frames another presentation time without changing the application's object."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from av import AudioFrame, VideoFrame
from av.packet import Packet

from peer.rtp.yuv420p import PIXEL_FORMAT, copied

if TYPE_CHECKING:
    from peer.rtp.tracks import MediaItem


def time_base_of(frame: MediaItem) -> Fraction | None:
    """The time base of a frame, in seconds for each tick; None where it has none."""
    base = frame.time_base
    if base is None or not base.numerator or not base.denominator:
        return None
    return base if type(base) is Fraction else Fraction(base.numerator, base.denominator)


def duration_of(frame: MediaItem) -> Fraction:
    """The duration of an audio frame, in seconds; 0 for video frames and packets."""
    if isinstance(frame, AudioFrame) and frame.sample_rate:
        return Fraction(frame.samples, frame.sample_rate)
    return Fraction(0)


def at_time(frame: MediaItem, pts: int, time_base: Fraction) -> MediaItem:
    """The frame itself where it has this presentation time already, else a copy that has.

    The application may keep its frame, or give it to other senders as well.
    """
    if frame.pts == pts and time_base_of(frame) == time_base:
        return frame
    copy = _copy(frame)
    copy.pts = pts
    copy.time_base = time_base
    return copy


def _copy(frame: MediaItem) -> MediaItem:
    match frame:
        case Packet():
            packet = Packet(bytes(frame))
            packet.is_keyframe = frame.is_keyframe
            return packet
        case AudioFrame():
            return _copy_audio(frame)
        case VideoFrame():
            return _copy_video(frame)
        case _:
            raise TypeError(f"{type(frame).__name__} is neither audio nor video")


def _copy_audio(frame: AudioFrame) -> AudioFrame:
    copy = AudioFrame(format=frame.format.name, layout=frame.layout.name, samples=frame.samples)
    copy.sample_rate = frame.sample_rate
    for to, source in zip(copy.planes, frame.planes, strict=True):
        size = min(to.buffer_size, source.buffer_size)
        memoryview(to)[:size] = memoryview(source)[:size]
    return copy


def _copy_video(frame: VideoFrame) -> VideoFrame:
    if frame.format.name != PIXEL_FORMAT:
        # The encoders want this format, and a conversion is a copy.
        return frame.reformat(format=PIXEL_FORMAT)
    return copied(frame, width=frame.width, height=frame.height)
