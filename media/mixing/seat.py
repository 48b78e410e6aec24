"""Owns one participant of a composite: its latest picture, its name, its sound."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from av import VideoFrame

from media.mixing.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.mediastreams import MediaStreamTrack
    from av.frame import Frame
    from av.packet import Packet
    from av.stream import Stream

    from media.mixing.loudness import Sound


class Seat:
    """What a composite knows of one participant.

    Args:
        track: Its picture; None for one that is only heard.
        name: Written on its part of the picture; may be changed at any time.
        sound: What tells how loud it is.
        ended: Called once when the track has ended by itself, with the error where there was one.
    """

    def __init__(
        self,
        track: MediaStreamTrack | None,
        name: str,
        sound: Sound | None,
        ended: Callable[[Seat, Exception | None], None],
    ) -> None:
        self.track = track
        self.name = name
        self.sound = sound
        self._picture: VideoFrame | None = None
        self._came = 0.0
        self.reading: Reading | None = None
        if track is not None:
            self.reading = Reading(track, self._take, lambda error: ended(self, error))

    def picture(self, patience: float | None) -> VideoFrame | None:
        """The latest; None before there is any, or when it is older than `patience` seconds."""
        old = asyncio.get_running_loop().time() - self._came
        return None if patience is not None and old > patience else self._picture

    def _take(self, frame: Frame | Packet[Stream]) -> None:
        if not isinstance(frame, VideoFrame):
            raise TypeError(f"a composite needs decoded pictures, not {type(frame).__name__}")
        self._picture = frame
        self._came = asyncio.get_running_loop().time()
