"""Owns the track that aiortc's sender reads, behind which the application's tracks come and go."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from av import AudioFrame, VideoFrame

from peer.rtp.audio_shape import AudioShape, AudioShaper, shape_for
from peer.rtp.frame_time import at_time, duration_of, time_base_of
from peer.rtp.send_timeline import SendTimeline
from peer.rtp.tracks import MediaStreamError, MediaStreamTrack, Packet
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.tracks import MediaItem

logger = logging.getLogger(__name__)

# A paused track is read all the same, lest its frames pile up in front of it; but one that does
# not keep time by itself must not keep the processor busy.
PAUSED_INTERVAL = 0.005


class Feed(MediaStreamTrack):
    """Never ends before it is stopped, and never stops the application's track.

    While there is no track, or after it has ended or failed, `recv` waits for the next one.

    Args:
        kind: Audio or video.
        clock: Seconds, monotonic.
    """

    def __init__(self, kind: MediaKind, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.kind = kind.value
        self._media_kind = kind
        self._source: MediaStreamTrack | None = None
        self._switched: asyncio.Future[None] | None = None
        self._paused = False
        self._timeline = SendTimeline(clock)
        self._shape: AudioShape | None = None
        self._shaper: AudioShaper | None = None
        self._ready: deque[MediaItem] = deque()

    @property
    def source(self) -> MediaStreamTrack | None:
        """The track that is read; None also once it has ended."""
        return self._source

    @property
    def paused(self) -> bool:
        """Whether what the track gives is dropped."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._paused = paused
        self._ready.clear()

    def switch(self, source: MediaStreamTrack | None) -> None:
        """Go on with another track, or with none."""
        self._source = source
        self._shaper = None
        self._ready.clear()
        self._timeline.begin_track()
        self._wake()

    def stop(self) -> None:
        """End for good."""
        super().stop()
        self._wake()

    async def recv(self) -> MediaItem:
        """The next frame of whichever track is there.

        Raises:
            MediaStreamError: The feed was stopped.
        """
        while self.readyState == "live":
            if self._ready:
                return self._place(self._ready.popleft())
            source = self._source
            if source is None:
                await asyncio.wait({self._next_switch()})
                continue
            item = await self._read(source)
            if item is None:
                continue
            if self._paused:
                await asyncio.sleep(PAUSED_INTERVAL)
            else:
                self._ready.extend(self._prepare(item))
        raise MediaStreamError

    def _wake(self) -> None:
        if self._switched is not None and not self._switched.done():
            self._switched.set_result(None)
        self._switched = None

    def _next_switch(self) -> asyncio.Future[None]:
        if self._switched is None:
            self._switched = asyncio.get_running_loop().create_future()
        return self._switched

    async def _read(self, source: MediaStreamTrack) -> MediaItem | None:
        switched = self._next_switch()
        reading: asyncio.Future[MediaItem] = asyncio.ensure_future(source.recv())
        either: set[asyncio.Future[Any]] = {reading, switched}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not reading.done():
                reading.add_done_callback(_retrieve)
                reading.cancel()
        if switched.done():
            _retrieve(reading)
            return None
        try:
            item = reading.result()
            self._check(item)
        except MediaStreamError:
            self._source = None
        except (Exception, asyncio.CancelledError):
            logger.warning(
                "a track of kind %s failed and counts as ended", self.kind, exc_info=True
            )
            self._source = None
        else:
            return item
        return None

    def _check(self, item: object) -> None:
        expected = {MediaKind.AUDIO: AudioFrame, MediaKind.VIDEO: VideoFrame}[self._media_kind]
        if not isinstance(item, (expected, Packet)):
            raise TypeError(f"the track gave {type(item).__name__} instead of a frame")

    def _prepare(self, item: MediaItem) -> list[MediaItem]:
        if not isinstance(item, AudioFrame):
            return [item]
        if not item.samples:
            return []
        if self._shape is None:
            self._shape = shape_for(item)
        if self._shaper is None:
            self._shaper = AudioShaper(self._shape)
        return list(self._shaper.shape(item))

    def _place(self, item: MediaItem) -> MediaItem:
        pts, base = self._timeline.place(item.pts, time_base_of(item), duration_of(item))
        return at_time(item, pts, base)


def _retrieve(task: asyncio.Future[MediaItem]) -> None:
    if task.done() and not task.cancelled():
        task.exception()
