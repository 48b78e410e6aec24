"""Sink that reads tracks and drops their frames, as `MediaBlackhole` of aiortc."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from peer.rtp.inbound.received_track import ReceivedTrack
from peer.rtp.tracks import MediaStreamError

if TYPE_CHECKING:
    from peer.rtp.tracks import MediaStreamTrack

logger = logging.getLogger(__name__)


class MediaBlackhole:
    """Reads tracks so that they go on, and drops what they give.

    A track of a peer goes on by itself, and is not read: its frames would be decoded for nothing.
    """

    def __init__(self) -> None:
        self._tasks: dict[MediaStreamTrack, asyncio.Task[None] | None] = {}

    def addTrack(self, track: MediaStreamTrack) -> None:
        """Add a track, which is read from the next `start` on."""
        self._tasks.setdefault(track, None)

    async def start(self) -> None:
        """Begin to read the tracks that are not read yet."""
        for track, task in self._tasks.items():
            if task is None and not isinstance(track, ReceivedTrack):
                self._tasks[track] = asyncio.create_task(_consume(track))

    async def stop(self) -> None:
        """Read no more, and forget the tracks, which are not stopped."""
        tasks = [task for task in self._tasks.values() if task is not None]
        self._tasks = {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _consume(track: MediaStreamTrack) -> None:
    try:
        while True:
            await track.recv()
    except MediaStreamError:
        pass
    except Exception:
        logger.warning("a track of kind %s failed", track.kind, exc_info=True)
