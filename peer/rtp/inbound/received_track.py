"""Owns the track that a receiver gives to the application."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from peer.rtp.tracks import Frame, MediaStreamError, MediaTrack
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.inbound.readers import FrameReader

#: A second of pictures, and some more of sound, which is small.
LIMITS = {MediaKind.AUDIO: 64, MediaKind.VIDEO: 30}


class ReadListener(Protocol):
    """Told of every read, so that frames need only be decoded while there are any."""

    def begin_read(self) -> None:
        """Somebody waits for a frame."""

    def end_read(self) -> None:
        """Somebody has a frame, or waits no more."""


class TrackReceiver(Protocol):
    """The `RtpReceiver` of a track, by the part of it that needs no decoder."""

    def encoded_frames(self) -> FrameReader:
        """Reads the frames as the peer encoded them."""


class ReceivedTrack(MediaTrack):
    """Decoded frames, at most `limit` of them: an application that does not fetch loses the oldest.

    Args:
        kind: Audio or video.
        listener: Told of reads.
        limit: In frames; None for what suits the kind.

    Attributes:
        received: Frames that were decoded.
        dropped: Those of them that were not fetched in time.
        receiver: Whose track it is, so that whoever is given the track alone, as a recorder is,
            finds the frames as they came; None for a track without one.
    """

    def __init__(self, kind: MediaKind, listener: ReadListener, limit: int | None = None) -> None:
        super().__init__()
        self.kind = kind.value
        self.received = 0
        self.dropped = 0
        self.receiver: TrackReceiver | None = None
        self._listener = listener
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue(limit or LIMITS[kind])
        self._finished = False

    async def recv(self) -> Frame:
        """The next frame. The first read, and one after a pause, waits for a key frame.

        Raises:
            MediaStreamError: The track has ended. Where the receiver ended it, the frames that had
                arrived by then are given first.
        """
        if self.readyState != "live" and not self._finished:
            raise MediaStreamError
        self._listener.begin_read()
        try:
            frame = await self._frames.get()
        finally:
            self._listener.end_read()
        if frame is None:
            self._put(None)
            raise MediaStreamError
        return frame

    def put(self, frames: Sequence[Frame]) -> None:
        """Add frames."""
        if self.readyState != "live":
            return
        self.received += len(frames)
        for frame in frames:
            self._put(frame)

    def finish(self) -> None:
        """The receiver has stopped: no frames will follow."""
        if self._finished or self.readyState != "live":
            return
        self._finished = True
        self._put(None)
        super().stop()

    def stop(self) -> None:
        """End the track, as the application asks; frames not fetched are dropped."""
        if self.readyState != "live":
            return
        self._drop_all()
        self._put(None)
        super().stop()

    def discard(self) -> None:
        """Nobody reads: what waits would be old news for whoever comes later."""
        if self.readyState == "live":
            self.dropped += self._frames.qsize()
            self._drop_all()

    def _drop_all(self) -> None:
        while not self._frames.empty():
            self._frames.get_nowait()

    def _put(self, frame: Frame | None) -> None:
        if self._frames.full():
            self._frames.get_nowait()
            self.dropped += 1
        self._frames.put_nowait(frame)
