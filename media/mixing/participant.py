"""One participant of a composite: latest video frame, name, and source of its audio level."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from av import VideoFrame

from media.mixing.track_reader import TrackReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.mediastreams import MediaStreamTrack
    from av.frame import Frame
    from av.packet import Packet
    from av.stream import Stream

    from media.mixing.loudness import Sound
    from peer.times import MonotonicTime, Seconds


class CompositeParticipant:
    """One participant of a composite, which keeps its latest video frame.

    Args:
        track: The video track; None for a participant who is only heard.
        name: Label on the participant's tile.
        sound: The audio track, or a function that returns the audio level.
        ended: Called once when the video track ended by itself, with the error or None.

    Attributes:
        track: The video track.
        name: Label on the tile; may be changed at any time.
        sound: The audio track, or a function that returns the audio level.
        reader: The task that reads the video track; None without one.
    """

    def __init__(
        self,
        track: MediaStreamTrack | None,
        name: str,
        sound: Sound | None,
        ended: Callable[[CompositeParticipant, Exception | None], None],
    ) -> None:
        self.track = track
        self.name = name
        self.sound = sound
        self._frame: VideoFrame | None = None
        self._arrival: MonotonicTime = 0.0
        self.reader: TrackReader | None = None
        if track is not None:
            self.reader = TrackReader(track, self._take, lambda error: ended(self, error))

    def __repr__(self) -> str:
        track = None if self.track is None else self.track.id
        return f"<CompositeParticipant {self.name!r} track={track}>"

    def frame(self, timeout: Seconds | None) -> VideoFrame | None:
        """Return the latest frame; None before the first, or when it is older than `timeout`."""
        age = asyncio.get_running_loop().time() - self._arrival
        return None if timeout is not None and age > timeout else self._frame

    def _take(self, frame: Frame | Packet[Stream]) -> None:
        if not isinstance(frame, VideoFrame):
            raise TypeError(f"a composite needs decoded pictures, not {type(frame).__name__}")
        self._frame = frame
        self._arrival = asyncio.get_running_loop().time()
