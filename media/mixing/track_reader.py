"""Task that reads one input track to its end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.mediastreams import MediaStreamTrack
    from av.frame import Frame
    from av.packet import Packet
    from av.stream import Stream

_log = logging.getLogger(__name__)


class TrackReader:
    """Reads a track in a task of its own and hands on every frame.

    Args:
        track: The track; it must have no other reader, and is never stopped.
        take: Called with each frame; an exception of it ends the reading.
        ended: Called once when the track ended by itself, with the error or None.
    """

    def __init__(
        self,
        track: MediaStreamTrack,
        take: Callable[[Frame | Packet[Stream]], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        self._track = track
        self._take = take
        self._ended = ended
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End the reading and wait for its end; may be called repeatedly."""
        if self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.wait([self._task])

    def cancel(self) -> None:
        """End the reading without waiting for its end."""
        self._task.cancel()

    async def _run(self) -> None:
        error: Exception | None = None
        try:
            while True:
                self._take(await self._track.recv())
                # A track that never waits would block the event loop.
                await asyncio.sleep(0)
        except MediaStreamError:
            pass
        except Exception as failure:
            _log.warning("input %s is left out: %s", self._track.id, failure, exc_info=True)
            error = failure
        self._ended(error)
