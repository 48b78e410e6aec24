"""The track of decoded frames that a receiver gives to the application."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

from peer.rtp.push_track import PushTrack
from peer.rtp.tracks import Frame, MediaStreamError
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.emitter import PlainDecorator
    from peer.rtp.inbound.readers import FrameReader
    from peer.rtp.push_track import FrameSink

#: Limits of the frames that wait: a second of video, and 1.3 s of audio, which is small (ours).
LIMITS = {MediaKind.AUDIO: 64, MediaKind.VIDEO: 30}


class ReadListener(Protocol):
    """Learns of every read, so that frames are decoded only while the track is read."""

    def begin_read(self) -> None:
        """Note that a read waits for a frame."""

    def end_read(self) -> None:
        """Note that a read has a frame, or waits no more."""


class TrackReceiver(Protocol):
    """The `RtpReceiver` of a track, by the part of it that needs no decoder."""

    def encoded_frames(self) -> FrameReader:
        """Reads the frames as the peer encoded them."""


class ReceivedTrack(PushTrack):
    """A track of decoded frames; an application that does not fetch them loses the oldest.

    A sender that has the track itself gets each frame within the call that decoded it, however
    many there are in one turn; `recv` gives the same frames to whoever reads beside it.

    It is `muted` until media comes, and again while the peer holds it; `mute` and `unmute` are its
    events beside `ended` (W3C mediacapture-streams section 4.3.1).

    Args:
        kind: Audio or video.
        listener: Learns of reads.
        limit: Frames that wait at most; None for the limit of the kind.

    Attributes:
        received: Frames decoded for the track.
        dropped: Frames among these that were not fetched in time.
        receiver: The receiver of the track, so that a program that is given the track alone,
            such as a recorder, finds the encoded frames; None for a track without one.
        awaits_media: Whether the next frame of the peer unmutes the track.
    """

    event_names_of_class = ("ended", "mute", "unmute")

    def __init__(self, kind: MediaKind, listener: ReadListener, limit: int | None = None) -> None:
        super().__init__()
        self.kind = kind.value
        self.received = 0
        self.dropped = 0
        self.receiver: TrackReceiver | None = None
        self._listener = listener
        # The name that aiortc has: programs empty it themselves.
        self._queue: asyncio.Queue[Frame | None] = asyncio.Queue(limit or LIMITS[kind])
        self._sink: FrameSink | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # Whether frames go to the sink alone: those that waited for it are gone.
        self._pushes = False
        # Whether somebody reads beside the sink.
        self._is_read = False
        self._finished = False
        self._muted = True
        self.awaits_media = False

    def __repr__(self) -> str:
        return (
            f"<ReceivedTrack {self.kind} {self.id} {self.readyState}"
            f" received={self.received} dropped={self.dropped}>"
        )

    @property
    def muted(self) -> bool:
        """Tell whether the peer sends nothing for the track at present."""
        return self._muted

    @overload  # type: ignore[override]  # tracks of others have fewer events
    def on(self, event: Literal["ended", "mute", "unmute"], f: None = None) -> PlainDecorator: ...
    @overload
    def on(
        self, event: Literal["ended", "mute", "unmute"], f: Callable[[], object]
    ) -> Callable[[], object]: ...
    def on(self, event: str, f: Any = None) -> Any:
        """Add a handler, a function or a coroutine function; also a decorator.

        Raises:
            ValueError: A track has no event of that name.
        """
        return self._emitter.subscribe(event, f)

    def expect_media(self, *, expected: bool) -> None:
        """Mute the track at once where the peer sends no more, else unmute it with the next frame.

        Args:
            expected: Whether the descriptions have the peer send.
        """
        self.awaits_media = expected and self._muted
        if not expected and not self._muted:
            self._set_muted("mute")

    def on_media(self) -> None:
        """Unmute the track, as media has come; for the receiver, while `awaits_media`."""
        self.awaits_media = False
        self._set_muted("unmute")

    def _set_muted(self, event: Literal["mute", "unmute"]) -> None:
        self._muted = event == "mute"
        if self.readyState == "live":
            self.emit(event)

    async def recv(self) -> Frame:
        """Wait for the next frame. The first read, and one after a pause, waits for a key frame.

        Raises:
            MediaStreamError: The track has ended. Where the receiver ended it, the frames that had
                arrived by then are given first.
        """
        if self.readyState != "live" and not self._finished:
            raise MediaStreamError
        self._is_read = True
        self._listener.begin_read()
        try:
            frame = await self._queue.get()
        finally:
            self._listener.end_read()
        if frame is None:
            self._put(None)
            raise MediaStreamError
        return frame

    def put(self, frames: Sequence[Frame]) -> None:
        """Add decoded frames to the track."""
        if self.readyState != "live":
            return
        self.received += len(frames)
        for frame in frames:
            if self._pushes and self._sink is not None:
                self._sink.on_frame(frame)
                if not self._is_read:
                    continue
            self._put(frame)

    def forward(self, sink: FrameSink) -> None:
        """Push all frames to `sink` from the next turn of the event loop on; the track counts as
        read all the time.

        It replaces the sink before.
        """
        if self._sink is None:
            self._listener.begin_read()
        self._sink = sink
        self._pushes = self._is_read = False
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._push_waiting)

    def stop_forwarding(self, sink: FrameSink) -> None:
        """Push no more frames to `sink`, if it is the present one; frames wait for `recv`."""
        if self._sink is sink:
            self._sink = None
            self._pushes = False
            self._listener.end_read()

    def finish(self) -> None:
        """End the track after the frames that wait, as the receiver has stopped."""
        if self._finished or self.readyState != "live":
            return
        self._finished = True
        self._put(None)
        super().stop()
        self._push_end_soon()

    def stop(self) -> None:
        """End the track, as the application asks, and drop the frames that wait."""
        if self.readyState != "live":
            return
        self._drop_all()
        self._put(None)
        super().stop()
        self._push_end_soon()

    def drop_waiting(self) -> None:
        """Drop the frames that wait, as nobody reads: they would be old by the next read."""
        if self.readyState == "live":
            self.dropped += self._queue.qsize()
            self._drop_all()

    def _push_waiting(self) -> None:
        """Push the frames that waited, and the end of the track where it has come."""
        while self._sink is not None and not self._queue.empty():
            frame = self._queue.get_nowait()
            if frame is None:
                self._put(None)
                break
            self._sink.on_frame(frame)
        self._pushes = self._sink is not None
        if self._sink is not None and self.readyState != "live":
            sink = self._sink
            self.stop_forwarding(sink)
            sink.on_track_ended()

    def _push_end_soon(self) -> None:
        if self._sink is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon(self._push_waiting)

    def _drop_all(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()

    def _put(self, frame: Frame | None) -> None:
        if self._queue.full():
            self._queue.get_nowait()
            self.dropped += 1
        self._queue.put_nowait(frame)
