"""Reads each track once, for all of its encoders."""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from typing import TYPE_CHECKING

from peer.rtp.encoding.shared_encoder import SharedEncoder
from peer.rtp.encoding.track_frame import TrackFrameReader
from peer.rtp.push_track import PushTrack
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.encoding.settings import EncodingSettings
    from peer.rtp.encoding.shared_encoder import Subscriber
    from peer.rtp.encoding.track_frame import TrackFrame
    from peer.rtp.tracks import Frame, MediaStreamTrack
    from peer.times import MonotonicTime

logger = logging.getLogger(__name__)

#: Time in seconds within which a frame comes at once (ours): such a track may never wait.
AT_ONCE = 0.001
#: Seconds between two frames of a track that never waits, while its encoders are busy (ours).
REST = 0.005


class TrackSource:
    """Reads a track from its first subscription to the last, and feeds its shared encoders.

    A `PushTrack` has no task: it pushes its frames, so that no frame of a relay or of an echo waits
    for a turn.

    Args:
        track: Track to read; neither stopped nor changed.
        clock: Monotonic clock.
        wall_clock: Seconds since 1970.

    Attributes:
        loop: Event loop on which the track is read.
        ended: Whether the track has ended, or the last subscription was closed.
    """

    def __init__(
        self,
        track: MediaStreamTrack,
        *,
        clock: Callable[[], MonotonicTime] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._track = track
        self._clock = clock
        self._wall_clock = wall_clock
        self._reader = TrackFrameReader(MediaKind(track.kind))
        self._encoders: dict[tuple[object, ...], SharedEncoder] = {}
        self.loop = asyncio.get_running_loop()
        self.ended = False
        self._task: asyncio.Task[None] | None = None
        self._forwards = False
        self._in_on_frame = False

    def __repr__(self) -> str:
        """Show the track and its encoders."""
        state = " ended" if self.ended else ""
        encoders = list(self._encoders.values())
        return f"<TrackSource {self._track.kind} {self._track.id} {encoders}{state}>"

    def subscribe(self, settings: EncodingSettings, subscriber: Subscriber) -> SharedEncoder:
        """Add a subscriber to the encoder with these settings, and return the encoder."""
        encoder = self._encoders.get(settings.key)
        if encoder is None:
            encoder = self._encoders[settings.key] = SharedEncoder(
                settings, clock=self._clock, ask_track=self._ask_track
            )
        encoder.add(subscriber)
        if self._task is None and not self._forwards:
            if isinstance(self._track, PushTrack):
                self._forwards = True
                self._track.forward(self)
            else:
                self._task = self.loop.create_task(self._read())
        return encoder

    def unsubscribe(self, encoder: SharedEncoder, subscriber: Subscriber) -> None:
        """Remove a subscriber from its encoder; without subscribers the reading stops soon."""
        encoder.remove(subscriber)
        if encoder.empty:
            self._encoders = {k: e for k, e in self._encoders.items() if e is not encoder}
        if not self._encoders and not self.loop.is_closed():
            self.loop.call_soon(self._stop_if_unused)

    def _stop_if_unused(self) -> None:
        if not self._encoders and not self.ended:
            self.ended = True
            if self._task is not None:
                self._task.cancel()
            self._stop_forwarding()

    def on_frame(self, frame: EncodedFrame | Frame) -> None:
        """Take a frame that the track pushes; the `FrameSink` of a `PushTrack`."""
        self._in_on_frame = True
        try:
            track_frame = self._read_item(frame)
            for encoder in tuple(self._encoders.values()):
                encoder.on_frame(track_frame)
        except Exception as error:
            self._stop_forwarding()
            self._fail(error)
        finally:
            self._in_on_frame = False

    def on_track_ended(self) -> None:
        """End all subscriptions, since the track that pushes has ended."""
        self._forwards = False
        self._end(None)

    def _stop_forwarding(self) -> None:
        if self._forwards and isinstance(self._track, PushTrack):
            self._forwards = False
            self._track.stop_forwarding(self)

    async def _read(self) -> None:
        while True:
            begun = self._clock()
            try:
                item = await self._track.recv()
                track_frame = self._read_item(item)
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
            encoders = tuple(self._encoders.values())
            for encoder in encoders:
                encoder.on_frame(track_frame)
            if self._clock() - begun < AT_ONCE:
                await asyncio.sleep(REST if all(e.busy for e in encoders) else 0)

    def _read_item(self, item: object) -> TrackFrame:
        return self._reader.read(item, now=self._clock(), unix_now=UnixTime(self._wall_clock()))

    def _fail(self, error: BaseException) -> None:
        logger.warning(
            "a track of kind %s failed and counts as ended", self._track.kind, exc_info=error
        )
        failure = RuntimeError(f"the track failed: {type(error).__name__}: {error}")
        failure.__cause__ = error
        self._end(failure)

    def _end(self, error: Exception | None) -> None:
        self.ended = True
        for encoder in tuple(self._encoders.values()):
            if error is not None:
                encoder.fail(error)
            encoder.finish()

    def _ask_track(self) -> None:
        if self._in_on_frame:
            # A track that pushes a frame does not expect a request within that call.
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


# Sources by the id of their track. A source holds its track, so that no other track gets the id,
# and is held by its task and its subscriptions.
_sources: weakref.WeakValueDictionary[int, TrackSource] = weakref.WeakValueDictionary()


def source_of(track: MediaStreamTrack) -> TrackSource:
    """Return the source that reads a track on the running event loop, made on demand."""
    source = _sources.get(id(track))
    if source is None or source.ended or source.loop is not asyncio.get_running_loop():
        source = _sources[id(track)] = TrackSource(track)
    return source
