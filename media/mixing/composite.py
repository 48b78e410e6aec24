"""Compositor of any number of video tracks in one picture."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from media.mixing.canvas import Canvas, Tile
from media.mixing.composite_track import CompositeTrack
from media.mixing.layout import Layout, places
from media.mixing.loudness import level_of
from media.mixing.paced_producer import PacedProducer
from media.mixing.participant import CompositeParticipant
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

#: RTP clock rate of video, in Hz (RFC 3551 section 5).
_CLOCK = 90_000
_TIME_BASE = Fraction(1, _CLOCK)
#: Frames that wait for the reader of an output track; they are large (ours).
_LIMIT = 2
#: Greatest number of tiles in the picture (ours).
SHOWN = 49

#: Handler of event `left`.
Left: TypeAlias = "Callable[[CompositeParticipant, Exception | None], object]"


class Composite:
    """Shows any number of video tracks in one picture of a fixed size and rate.

    Participants may be added and removed while the composite runs. The composite is the only reader
    of their tracks and never stops them; a participant whose track ends is removed. Pictures keep
    their aspect ratio. Tiles are drawn on a thread of the composite's own, only where they have
    changed, and only while an output track is read.

    Event `left`: a participant's track has ended, with the participant and the exception that
    ended the track, or None.

    Args:
        width: Width in pixels, even.
        height: Height in pixels, even.
        rate: Frames a second.
        layout: `grid`, or `speaker`: the active speaker is shown large above the others.
        mixer: Measures the audio level of participants whose RTP packets do not carry it.
        patience: Seconds after which a frame that no other follows is replaced by a placeholder;
            None for never.
        executor: Draws the pictures; None for a thread of the composite's own.

    Raises:
        ValueError: The size is odd or not positive, the rate is not positive, or the layout does
            not exist.
    """

    def __init__(
        self,
        *,
        width: int = 1280,
        height: int = 720,
        rate: int = 25,
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
        self._frame_timeout = patience
        self._participants: list[CompositeParticipant] = []
        self._choice: SpeakerChoice[CompositeParticipant] = SpeakerChoice()
        self._canvas = Canvas(width=width, height=height)
        self._own = None if executor else ThreadPoolExecutor(1, thread_name_prefix="composite")
        self._executor = executor or self._own
        self._producer: PacedProducer[VideoFrame] = PacedProducer(1 / rate, self._make, _LIMIT)
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

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        width, height = self._size
        return f"<Composite {state} {width}x{height} participants={len(self._participants)}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def layout(self) -> Layout:
        """The arrangement of the tiles; may be set at any time, also by its name.

        Raises:
            ValueError: The name is no layout.
        """
        return self._layout

    @layout.setter
    def layout(self, layout: Layout | str) -> None:
        self._layout = Layout(layout)

    @property
    def participants(self) -> tuple[CompositeParticipant, ...]:
        """The participants, in the order in which they were added."""
        return tuple(self._participants)

    @property
    def speaker(self) -> CompositeParticipant | None:
        """The active speaker, updated only in layout `speaker` while an output track is read."""
        return self._choice.speaker

    @property
    def drawn(self) -> int:
        """The number of tiles drawn so far."""
        return self._canvas.drawn

    def add(
        self, track: MediaStreamTrack | None, *, name: str = "", sound: Sound | None = None
    ) -> CompositeParticipant:
        """Add a participant to the picture, unless the track is of one who is in it.

        Of more than 49 participants the first and the speaker are shown.

        Args:
            track: A track of decoded video; None shows a placeholder.
            name: Label on the tile, in any script that a font of this machine has; with the extra
                `handfast[names]`, else in Latin letters, digits and some signs.
            sound: The audio track, or a function that returns the audio level, by which the active
                speaker is found. The track is not read.

        Raises:
            ValueError: The track is no video track, or the composite was closed.
        """
        if track is not None and track.kind != "video":
            raise ValueError(f"a composite takes pictures, not {track.kind}")
        if self._closed:
            raise ValueError("the composite was closed")
        for present in self._participants:
            if track is not None and present.track is track:
                return present
        participant = CompositeParticipant(track, name, sound, self._left)
        self._participants.append(participant)
        return participant

    def remove(self, participant: CompositeParticipant | MediaStreamTrack) -> None:
        """Remove a participant, also by its track; does nothing for others."""
        for each in self.participants:
            if participant in (each, each.track):
                self._participants.remove(each)
                if each.reader is not None:
                    each.reader.cancel()

    def track(self) -> CompositeTrack:
        """Make a new output track, for one reader; it ends with the composite."""
        return CompositeTrack(self._producer)

    async def close(self) -> None:
        """End all output tracks and leave the inputs alone; may be called repeatedly."""
        self._closed = True
        participants, self._participants = self._participants, []
        readers = [each.reader for each in participants if each.reader is not None]
        for reader in readers:
            # In the first turn, so that a caller that is cancelled leaves none running.
            reader.cancel()
        await asyncio.gather(*(reader.stop() for reader in readers), self._producer.close())
        if self._own is not None:
            self._own.shutdown(wait=False)

    async def _make(self, number: int) -> VideoFrame:
        loop = asyncio.get_running_loop()
        frame = await loop.run_in_executor(self._executor, _paint, self._canvas, self._tiles())
        frame.pts = number * _CLOCK // self._rate
        frame.time_base = _TIME_BASE
        return frame

    def _tiles(self) -> list[Tile]:
        shown = self._in_order()[:SHOWN]
        width, height = self._size
        found = places(self._layout, width=width, height=height, count=len(shown))
        return [
            Tile(each, place, each.frame(self._frame_timeout), each.name)
            for each, place in zip(shown, found, strict=True)
        ]

    def _in_order(self) -> Sequence[CompositeParticipant]:
        if self._layout is Layout.GRID:
            return self._participants
        levels = {
            participant: level_of(participant.sound, self._mixer)
            for participant in self._participants
        }
        speaker = self._choice.update(levels, asyncio.get_running_loop().time())
        return sorted(self._participants, key=lambda participant: participant is not speaker)

    def _left(self, participant: CompositeParticipant, error: Exception | None) -> None:
        if participant in self._participants:
            self._participants.remove(participant)
            # Later, so that an exception in a handler does not count as one of the track.
            asyncio.get_running_loop().call_soon(self._events.emit, "left", participant, error)


def _paint(canvas: Canvas, tiles: Sequence[Tile]) -> VideoFrame:
    canvas.draw(tiles)
    return canvas.picture()
