"""Owns `Composite`: several pictures in, one picture out."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from media.mixing.canvas import Canvas, Tile
from media.mixing.composite_track import CompositeTrack
from media.mixing.layout import Layout, places
from media.mixing.loudness import level_of
from media.mixing.pump import Pump
from media.mixing.seat import Seat
from media.mixing.speaker import SpeakerChoice
from peer.emitter import EventEmitter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from typing import Self

    from aiortc.mediastreams import MediaStreamTrack
    from av import VideoFrame

    from media.mixing.loudness import Sound
    from media.mixing.mixer import AudioMixer
    from peer.emitter import Handler

_CLOCK = 90_000
_TIME_BASE = Fraction(1, _CLOCK)
#: Frames that wait for the reader of a track. They are large.
_LIMIT = 2
#: Participants that are shown at most.
SHOWN = 49

#: A handler of `left`.
Left: TypeAlias = "Callable[[Seat, Exception | None], object]"


class Composite:
    """Shows any number of video tracks in one picture of a fixed size and rate.

    Participants come and go while it runs. Their tracks are read by the composite alone, and are
    never stopped by it; one that ends leaves. Pictures keep their shape. It is drawn on a thread of
    its own, only where something has changed, and only while somebody reads.

    Event `left`: a participant's track has ended, with its seat and the exception that ended it, or
    None.

    Args:
        width: In pixels, even.
        height: In pixels, even.
        rate: Frames a second.
        layout: `grid`, or `speaker`: whoever speaks is shown large above the others. It may be
            changed at any time.
        mixer: Measures how loud participants are whose packets do not say so.
        patience: Seconds after which a picture that no other follows gives way to a placeholder;
            None for never.
        executor: Where pictures are drawn; None for a thread of its own.

    Raises:
        ValueError: A size that is odd or not positive, a rate that is not positive, or a layout
            that there is not.
    """

    def __init__(
        self,
        width: int = 1280,
        height: int = 720,
        rate: int = 25,
        *,
        layout: Layout | str = Layout.GRID,
        mixer: AudioMixer | None = None,
        patience: float | None = 5.0,
        executor: Executor | None = None,
    ) -> None:
        self._events = EventEmitter("Composite", ("left",))
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise ValueError(f"a picture of {width} by {height}: both must be even, and at least 2")
        if rate < 1:
            raise ValueError(f"{rate} pictures a second")
        self._layout = Layout(layout)
        self._size = (width, height)
        self._rate = rate
        self._mixer = mixer
        self._patience = patience
        self._seats: list[Seat] = []
        self._choice: SpeakerChoice[Seat] = SpeakerChoice()
        self._canvas = Canvas(width, height)
        self._own = None if executor else ThreadPoolExecutor(1, thread_name_prefix="composite")
        self._executor = executor or self._own
        self._pump: Pump[VideoFrame] = Pump(1 / rate, self._make, _LIMIT)
        self._closed = False

    @overload
    def on(self, event: Literal["left"]) -> Callable[[Left], Left]: ...
    @overload
    def on(self, event: Literal["left"], handler: Left) -> Left: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler of `left`, a function or a coroutine function; also a decorator.

        Raises:
            ValueError: A composite has no event of that name.
        """
        return self._events.subscribe(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._events.remove_listener(event, handler)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def layout(self) -> Layout:
        """How the pictures share the one; may be set at any time, also by its name.

        Raises:
            ValueError: There is no such layout.
        """
        return self._layout

    @layout.setter
    def layout(self, layout: Layout | str) -> None:
        self._layout = Layout(layout)

    @property
    def seats(self) -> tuple[Seat, ...]:
        """The participants, in the order in which they came."""
        return tuple(self._seats)

    @property
    def speaker(self) -> Seat | None:
        """Who is shown as the speaker; looked for only in that layout, while somebody reads."""
        return self._choice.speaker

    @property
    def drawn(self) -> int:
        """How many parts of pictures were drawn so far."""
        return self._canvas.drawn

    def add(
        self, track: MediaStreamTrack | None, *, name: str = "", sound: Sound | None = None
    ) -> Seat:
        """Show a participant; of more than 49 the first are shown, and the speaker.

        Args:
            track: Its picture, decoded; None shows a placeholder.
            name: Written on its part of the picture: Latin letters, digits and some signs.
            sound: Its sound track, or a function that gives its level, by which a speaker is found.
                It is not read.

        Raises:
            ValueError: The track is no picture, or the composite was closed.
        """
        if track is not None and track.kind != "video":
            raise ValueError(f"a composite takes pictures, not {track.kind}")
        if self._closed:
            raise ValueError("the composite was closed")
        seat = Seat(track, name, sound, self._left)
        self._seats.append(seat)
        return seat

    def remove(self, participant: Seat | MediaStreamTrack) -> None:
        """Show it no more. Nothing happens where it is not here."""
        for seat in self.seats:
            if participant in (seat, seat.track):
                self._seats.remove(seat)
                if seat.reading is not None:
                    seat.reading.cancel()

    def track(self) -> CompositeTrack:
        """A new track of the picture, for one reader. It ends with the composite."""
        return CompositeTrack(self._pump)

    async def close(self) -> None:
        """End every track that it made, and leave the inputs alone; any number of times."""
        self._closed = True
        seats, self._seats = self._seats, []
        readings = [seat.reading.stop() for seat in seats if seat.reading is not None]
        await asyncio.gather(*readings, self._pump.close())
        if self._own is not None:
            self._own.shutdown(wait=False)

    async def _make(self, number: int) -> VideoFrame:
        loop = asyncio.get_running_loop()
        frame = await loop.run_in_executor(self._executor, _paint, self._canvas, self._tiles())
        frame.pts = number * _CLOCK // self._rate
        frame.time_base = _TIME_BASE
        return frame

    def _tiles(self) -> list[Tile]:
        seats = self._in_order()[:SHOWN]
        return [
            Tile(seat, place, seat.picture(self._patience), seat.name)
            for seat, place in zip(
                seats, places(self._layout, *self._size, len(seats)), strict=True
            )
        ]

    def _in_order(self) -> Sequence[Seat]:
        if self._layout is Layout.GRID:
            return self._seats
        levels = {seat: level_of(seat.sound, self._mixer) for seat in self._seats}
        speaker = self._choice.update(levels, asyncio.get_running_loop().time())
        return sorted(self._seats, key=lambda seat: seat is not speaker)

    def _left(self, seat: Seat, error: Exception | None) -> None:
        if seat in self._seats:
            self._seats.remove(seat)
            # A handler that fails is not to be taken for a fault of the track.
            asyncio.get_running_loop().call_soon(self._events.emit, "left", seat, error)


def _paint(canvas: Canvas, tiles: Sequence[Tile]) -> VideoFrame:
    canvas.draw(tiles)
    return canvas.picture()
