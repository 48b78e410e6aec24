"""Owns the one reader of a track, however many encodings are made of it."""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from typing import TYPE_CHECKING

from peer.rtp.encoding.reading import Reader
from peer.rtp.encoding.shared import SharedEncoding
from peer.rtp.push_track import PushTrack
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.encoding.member import Member
    from peer.rtp.encoding.settings import EncodingSettings
    from peer.rtp.tracks import MediaStreamTrack

logger = logging.getLogger(__name__)

# Seconds. A track that gives a frame sooner than this after the one before may keep no time at
# all; while nobody can use its frames it is read no faster than `REST` allows.
AT_ONCE = 0.001
REST = 0.005


class TrackSource:
    """Reads from the first subscription to the last.

    A track of encoded frames that pushes them has no task, lest each frame of a relay wait for one.

    Args:
        track: Neither stopped nor changed.
        clock: Seconds, monotonic.
        wall_clock: Seconds since 1970.
    """

    def __init__(
        self,
        track: MediaStreamTrack,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._track = track
        self._clock = clock
        self._wall_clock = wall_clock
        self._reader = Reader(MediaKind(track.kind))
        self._encodings: dict[tuple[object, ...], SharedEncoding] = {}
        self.loop = asyncio.get_running_loop()
        self.ended = False
        self._task: asyncio.Task[None] | None = None
        self._forwarded = False
        self._taking = False

    def join(self, settings: EncodingSettings, member: Member) -> SharedEncoding:
        """The encoding with these settings, with one more member."""
        encoding = self._encodings.get(settings.key)
        if encoding is None:
            encoding = self._encodings[settings.key] = SharedEncoding(
                settings, clock=self._clock, ask_track=self._ask_track
            )
        encoding.join(member)
        if self._task is None and not self._forwarded:
            if isinstance(self._track, PushTrack):
                self._forwarded = True
                self._track.forward(self)
            else:
                self._task = self.loop.create_task(self._read())
        return encoding

    def leave(self, encoding: SharedEncoding, member: Member) -> None:
        """One member less."""
        encoding.leave(member)
        if encoding.empty:
            self._encodings = {k: e for k, e in self._encodings.items() if e is not encoding}
        if not self._encodings and not self.loop.is_closed():
            self.loop.call_soon(self._stop_if_unused)

    def _stop_if_unused(self) -> None:
        if not self._encodings and not self.ended:
            self.ended = True
            if self._task is not None:
                self._task.cancel()
            self._stop_forwarding()

    def on_frame(self, frame: EncodedFrame) -> None:
        """Take what a track pushes."""
        self._taking = True
        try:
            reading = self._reader.read(frame, self._clock(), self._wall_clock())
            for encoding in tuple(self._encodings.values()):
                encoding.offer(reading)
        except Exception as error:
            self._stop_forwarding()
            self._fail(error)
        finally:
            self._taking = False

    def on_track_ended(self) -> None:
        """A track that pushes has ended."""
        self._forwarded = False
        self._end(None)

    def _stop_forwarding(self) -> None:
        if self._forwarded and isinstance(self._track, PushTrack):
            self._forwarded = False
            self._track.stop_forwarding(self)

    async def _read(self) -> None:
        while True:
            begun = self._clock()
            try:
                item = await self._track.recv()
                reading = self._reader.read(item, self._clock(), self._wall_clock())
            except MediaStreamError:
                self._end(None)
                return
            except asyncio.CancelledError as error:
                if _is_cancelled():
                    raise
                self._fail(error)
                return
            except Exception as error:
                self._fail(error)
                return
            encodings = tuple(self._encodings.values())
            for encoding in encodings:
                encoding.offer(reading)
            if self._clock() - begun < AT_ONCE:
                await asyncio.sleep(REST if all(e.busy for e in encodings) else 0)

    def _fail(self, error: BaseException) -> None:
        logger.warning(
            "a track of kind %s failed and counts as ended", self._track.kind, exc_info=error
        )
        told = RuntimeError(f"the track failed: {type(error).__name__}: {error}")
        told.__cause__ = error
        self._end(told)

    def _end(self, error: Exception | None) -> None:
        self.ended = True
        for encoding in tuple(self._encodings.values()):
            if error is not None:
                encoding.fail(error)
            encoding.finish()

    def _ask_track(self) -> None:
        if self._taking:
            # Who pushes a frame does not expect to be asked in the middle of it.
            self.loop.call_soon(self._ask_track)
            return
        ask = getattr(self._track, "request_keyframe", None)
        if not callable(ask):
            return
        try:
            ask()
        except Exception:
            logger.warning("a track failed to ask for a key frame", exc_info=True)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


# By the identity of their tracks. A source holds its track, so that no other one gets its id, and
# is held by its task and its subscriptions.
_sources: weakref.WeakValueDictionary[int, TrackSource] = weakref.WeakValueDictionary()


def source_of(track: MediaStreamTrack) -> TrackSource:
    """The source that reads this track on the running event loop, made where there is none."""
    source = _sources.get(id(track))
    if source is None or source.ended or source.loop is not asyncio.get_running_loop():
        source = _sources[id(track)] = TrackSource(track)
    return source
