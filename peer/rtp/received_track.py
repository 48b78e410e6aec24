"""Owns the track that a receiver gives to the application."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from peer.rtp.tracks import Frame, MediaStreamError, MediaStreamTrack

if TYPE_CHECKING:
    from peer.rtp_parameters import MediaKind

LIMIT = 64


class ReceivedTrack(MediaStreamTrack):
    """Decoded frames, at most `limit` of them: an application that does not fetch loses the oldest.

    Args:
        kind: Audio or video.
        limit: In frames.

    Attributes:
        received: Frames that were decoded.
        dropped: Those of them that were not fetched in time.
    """

    def __init__(self, kind: MediaKind, limit: int = LIMIT) -> None:
        super().__init__()
        self.kind = kind.value
        self.received = 0
        self.dropped = 0
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue(limit)
        self._finished = False

    async def recv(self) -> Frame:
        """The next frame.

        Raises:
            MediaStreamError: The track has ended. Where the receiver ended it, the frames that had
                arrived by then are given first.
        """
        if self.readyState != "live" and not self._finished:
            raise MediaStreamError
        frame = await self._frames.get()
        if frame is None:
            self._put(None)
            raise MediaStreamError
        return frame

    async def put(self, frame: Frame | None) -> None:
        """Add a frame; None is the end. Never waits."""
        if frame is None:
            self.finish()
        elif self.readyState == "live":
            self.received += 1
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
        while not self._frames.empty():
            self._frames.get_nowait()
        self._put(None)
        super().stop()

    def _put(self, frame: Frame | None) -> None:
        if self._frames.full():
            self._frames.get_nowait()
            self.dropped += 1
        self._frames.put_nowait(frame)
