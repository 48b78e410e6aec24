"""Live source as a pair of tracks on one clock: a camera, an ingest server, a broadcast."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, overload

from media.sources.delay_bound import DelayBound
from media.sources.live_clock import LiveClock
from media.sources.live_feed import LiveFeed
from media.sources.live_reader import LiveReader
from media.sources.live_track import LiveTrack
from media.sources.opening import TIMEOUT
from media.sources.prefetch import Prefetch
from peer.emitter import EventEmitter
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from media.sources.errors import SourceError
    from peer.emitter import Decorator, Handler, PlainDecorator, Takes
    from peer.times import Seconds

#: Pieces that are read ahead at most: video frames are large, and none shall be old (ours).
_LIMITS = {MediaKind.AUDIO: 10, MediaKind.VIDEO: 3}
#: Seconds between the segments of a source until they have been seen (ours; Apple's advice).
_SEGMENT = 6.0


class LiveSource:
    """Plays the first audio and the first video stream of a live source on one clock.

    It is opened once: by RTSP, HLS, UDP, TCP, SRT, RTMP, or whatever libav has. Reading begins with
    the newest frames, also after a second in which no track was read. A source that is late delays
    what follows; where more than `delay` always waits, frames are left out to make up for it. A
    source that is lost is opened again. Lengths are unknown.

    With `decode=False` nothing is decoded, as with `FileSource`; frames are then left out up to a
    key frame only.

    Events: `lost` with a `SourceError` when the source was lost and is tried again; `restored` when
    it is there again; `ended` when all tracks have ended; `error` with a `SourceError` when they
    ended because the source was lost for good.

    Attributes:
        audio: The audio track; None where the source has none.
        video: The video track; None where the source has none.
        duration: None, as its end is not known.
    """

    duration: None = None

    def __init__(self, where: str, delay: Seconds, *, decode: bool) -> None:
        self._where = where
        self._decode = decode
        self._events = EventEmitter("LiveSource", ("ended", "error", "lost", "restored"))
        self._clock = LiveClock()
        self._bound = DelayBound(delay)
        # The thread that reads watches the delay, and the loop acts upon it.
        self._watching = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._delay = delay
        self._feed: LiveFeed | None = None
        self._tracks: dict[MediaKind, LiveTrack] = {}
        self._jumping = False
        self._failed = False
        self._live = 0
        self.audio: LiveTrack | None = None
        self.video: LiveTrack | None = None

    @classmethod
    async def open(
        cls,
        where: str,
        *,
        decode: bool = True,
        format: str | None = None,  # noqa: A002 - as MediaPlayer of aiortc has it
        options: Mapping[str, str] | None = None,
        timeout: Seconds = TIMEOUT,
        reconnect: Seconds = 60.0,
        delay: Seconds = 1.0,
    ) -> LiveSource:
        """Open a live source, and return it once its first packets have come.

        Args:
            where: The address, as `rtsp://camera/1`, `https://example.org/live.m3u8`,
                `udp://0.0.0.0:5000`, `tcp://127.0.0.1:5000`.
            decode: True to decode the frames.
            format: libav's name of the format; None to detect it.
            options: libav's options for that format and its protocol, as
                `{"rtsp_transport": "tcp"}`.
            timeout: Seconds within which it has to open, and within which more has to come; longer
                than a segment where it comes in segments.
            reconnect: Seconds for which a lost source is tried again; 0 to end with it.
            delay: Seconds of frames that may always wait.

        Raises:
            ValueError: A time is negative, or the timeout is 0.
            MissingError: It does not exist, or access is denied.
            UnreadableError: Nothing came in time, or nothing that libav understands.
            UnpassableError: `decode` is false, and a codec cannot be sent without being decoded.
        """
        if timeout <= 0 or reconnect < 0 or delay < 0:
            raise ValueError("times of a live source are positive")
        source = cls(where, delay, decode=decode)
        opened: asyncio.Future[None] = source._loop.create_future()

        def settle(error: SourceError | None) -> None:
            if opened.done():
                return
            if error is None:
                opened.set_result(None)
            else:
                opened.set_exception(error)

        feed = LiveFeed(
            where,
            container=format,
            options=options or {},
            decode=decode,
            timeout=timeout,
            reconnect=reconnect,
            now=source._loop.time,
            opened=lambda error: source._call(settle, error),
            arrived=source._note_arrival,
            lost=lambda error: source._call(source._events.emit, "lost", error),
            restored=lambda: source._call(source._on_restored),
        )
        source._feed = feed
        feed.start()
        try:
            await opened
        except BaseException:
            feed.stop()
            raise
        source._make_tracks(feed)
        return source

    @overload
    def on(self, event: Literal["ended", "restored"]) -> PlainDecorator: ...
    @overload
    def on(
        self, event: Literal["ended", "restored"], handler: Callable[[], object]
    ) -> Callable[[], object]: ...
    @overload
    def on(self, event: Literal["error", "lost"]) -> Decorator[SourceError]: ...
    @overload
    def on(
        self, event: Literal["error", "lost"], handler: Takes[SourceError]
    ) -> Takes[SourceError]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler of an event; also a decorator.

        Raises:
            ValueError: A LiveSource has no event of that name.
        """
        return self._events.subscribe(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._events.remove_listener(event, handler)

    def __repr__(self) -> str:
        kinds = " ".join(k for k, t in self._tracks.items() if t.readyState == "live") or "ended"
        return f"<LiveSource {self._where!r} {kinds}>"

    @property
    def position(self) -> Seconds:
        """Seconds of the source from its opening to what is played now."""
        return float(self._clock.position(self._loop.time()) or 0)

    @property
    def received(self) -> Seconds:
        """Seconds of the source that have come since its opening."""
        return 0.0 if self._feed is None else float(self._feed.queue.newest or 0)

    def stop(self) -> None:
        """End both tracks and close the source."""
        for track in self._tracks.values():
            track.stop()
        if self._feed is not None:
            self._feed.stop()

    def _make_tracks(self, feed: LiveFeed) -> None:
        if feed.segmented:
            self._bound = DelayBound(self._delay, gap=_SEGMENT)
        for kind, codec in feed.kinds.items():
            pieces = Prefetch(LiveReader(feed.queue, kind), _LIMITS[kind])
            track = LiveTrack(kind, codec, pieces, self._clock, self._go_on_at_newest, self._fail)
            track.add_listener("ended", self._note_end)
            self._tracks[kind] = track
        self._live = len(self._tracks)
        self.audio = self._tracks.get(MediaKind.AUDIO)
        self.video = self._tracks.get(MediaKind.VIDEO)

    def _call(self, function: Callable[..., object], *args: object) -> None:
        """Call a function in the loop, from the thread that reads."""
        # A loop that is closed plays this no more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *args)

    def _note_arrival(self) -> None:
        """Watch the delay, on the thread that reads."""
        feed, now = self._feed, self._loop.time()
        if feed is None or feed.paced:
            return
        played, newest = self._clock.position(now), feed.queue.newest
        if played is None or newest is None:
            return
        with self._watching:
            self._bound.note(now, float(newest - played))
            if self._jumping or not self._bound.excess(now):
                return
            self._jumping = True
        self._call(self._leave_out_excess)

    def _leave_out_excess(self) -> None:
        now = self._loop.time()
        with self._watching:
            self._jumping = False
            excess = self._bound.excess(now)
        played = self._clock.position(now)
        if played is not None and excess:
            self._go_on(played + Fraction(excess).limit_denominator(90_000))

    def _go_on_at_newest(self) -> None:
        feed = self._feed
        if feed is None or feed.paced or feed.queue.newest is None:
            return
        reserve = Fraction(self._bound.reserve).limit_denominator(90_000)
        self._go_on(max(self._clock.given, feed.queue.newest - reserve))

    def _go_on(self, position: Fraction) -> None:
        if self._feed is not None:
            found = self._feed.queue.go_on_at(position, decoded=self._decode)
            self._clock.go_on(found, self._loop.time())
            self._forget()
            for track in self._tracks.values():
                track.jumped()

    def _forget(self) -> None:
        with self._watching:
            self._bound.begin_again()

    def _on_restored(self) -> None:
        self._forget()
        self._events.emit("restored")

    def _note_end(self) -> None:
        self._live -= 1
        if not self._live:
            if self._feed is not None:
                self._feed.stop()
            self._events.emit("ended")

    def _fail(self, error: SourceError) -> None:
        if not self._failed:
            self._failed = True
            self._events.emit("error", error)
