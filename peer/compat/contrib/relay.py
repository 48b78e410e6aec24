"""Relay of one track to several readers, with the interface of aiortc's `MediaRelay`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from peer.rtp.inbound.received_track import LIMITS
from peer.rtp.tracks import MediaStreamError, MediaStreamTrack
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp.tracks import MediaItem

logger = logging.getLogger(__name__)


class RelayStreamTrack(MediaStreamTrack):
    """One reader's copy of a track; made by `MediaRelay.subscribe`.

    Args:
        relay: The relay.
        source: The track that is relayed.
        buffered: True to keep frames until they are read, at most a second of them; False for the
            newest frame alone.

    Attributes:
        dropped: Number of frames that were not read in time.
    """

    def __init__(self, relay: MediaRelay, source: MediaStreamTrack, *, buffered: bool) -> None:
        super().__init__()
        self.kind = source.kind
        self.dropped = 0
        self._relay: MediaRelay | None = relay
        self._source: MediaStreamTrack | None = source
        limit = LIMITS[MediaKind(source.kind)] if buffered else 1
        self._frames: deque[MediaItem] = deque(maxlen=limit)
        self._news = asyncio.Event()
        self._over = False

    @property
    def source(self) -> MediaStreamTrack | None:
        """The track that is relayed; None once this one has ended."""
        return self._source

    async def recv(self) -> MediaItem:
        """Return the next frame of the source.

        Raises:
            MediaStreamError: This track was stopped, or the source has ended.
        """
        if self.readyState != "live" or self._relay is None or self._source is None:
            raise MediaStreamError
        self._relay.start(self, self._source)
        while not self._frames and not self._over:
            self._news.clear()
            await self._news.wait()
        if not self._frames:
            self.stop()
            raise MediaStreamError
        return self._frames.popleft()

    def stop(self) -> None:
        """End this track alone; the source goes on, and is read while another reader is left."""
        super().stop()
        if self._relay is not None and self._source is not None:
            self._relay.remove(self, self._source)
        self._relay = self._source = None
        self._frames.clear()
        self.finish()

    def put(self, frame: MediaItem) -> None:
        """Add a frame to those that wait; the oldest is dropped where too many wait."""
        self.dropped += len(self._frames) == self._frames.maxlen
        self._frames.append(frame)
        self._news.set()

    def finish(self) -> None:
        """End this track after the frames that wait; without a buffer, the end is the newest."""
        self._over = True
        if self._frames.maxlen == 1:
            self._frames.clear()
        self._news.set()


class MediaRelay:
    """Relays tracks to any number of readers, each of which gets every frame.

    As aiortc's, but for what it keeps: at most a second of frames for each reader. A source is read
    while it has a reader that was not stopped. One that fails ends its readers.
    """

    def __init__(self) -> None:
        self._readers: dict[MediaStreamTrack, set[RelayStreamTrack]] = {}
        self._tasks: dict[MediaStreamTrack, asyncio.Task[None]] = {}

    def subscribe(self, track: MediaStreamTrack, buffered: bool = True) -> MediaStreamTrack:
        """Make a track that gives the frames of another one, from its own first read on.

        Args:
            track: The source.
            buffered: True to keep frames until they are read; False to give the newest alone.
        """
        return RelayStreamTrack(self, track, buffered=buffered)

    def start(self, reader: RelayStreamTrack, source: MediaStreamTrack) -> None:
        """Give frames of a source to a reader from now on; nothing happens where it is so."""
        self._readers.setdefault(source, set()).add(reader)
        if source not in self._tasks:
            self._tasks[source] = asyncio.create_task(self._read(source))

    def remove(self, reader: RelayStreamTrack, source: MediaStreamTrack) -> None:
        """Give no more frames to a reader; a source without one is read no more."""
        readers = self._readers.get(source)
        if readers is None:
            return
        readers.discard(reader)
        if not readers:
            del self._readers[source]
            task = self._tasks.pop(source, None)
            if task is not None:
                task.cancel()

    async def _read(self, source: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await source.recv()
                for reader in tuple(self._readers.get(source, ())):
                    reader.put(frame)
        except MediaStreamError:
            pass
        except Exception:
            logger.warning("a relayed track of kind %s failed", source.kind, exc_info=True)
        finally:
            if self._tasks.get(source) is asyncio.current_task():
                del self._tasks[source]
                for reader in self._readers.pop(source, ()):
                    reader.finish()
