"""Owns `AudioMixer`: several sounds in, one sound out."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from aiortc.mediastreams import MediaStreamTrack

from media.mixing.audio_input import AudioInput
from media.mixing.blocks import RATE, SAMPLES
from media.mixing.loudness import SILENT
from media.mixing.mix import Mix
from media.mixing.mixed_track import MixedTrack
from media.mixing.pump import Pump
from peer.emitter import EventEmitter

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from peer import AudioLevel
    from peer.emitter import Handler

#: Frames that wait for the reader of a track.
_LIMIT = 10

#: A handler of `left`.
Left: TypeAlias = "Callable[[MediaStreamTrack, Exception | None], object]"


class AudioMixer:
    """Mixes any number of tracks of any rate and layout into tracks of 48 kHz.

    Inputs come and go while it runs. Each is read by the mixer alone, and is never stopped by it;
    one that ends leaves. An input is heard 40 ms after it came, or as much later as its irregular
    arrival asks for (120 ms at most). What would be too loud together is turned down, not clipped.
    Nothing is summed while nobody reads, nor for inputs that are silent.

    Event `left`: an input's track has ended, with the track and the exception that ended it, or
    None.

    Args:
        channels: Of the tracks it makes: 1 or 2.

    Raises:
        ValueError: Another number of channels.
    """

    def __init__(self, channels: int = 1) -> None:
        self._events = EventEmitter("AudioMixer", ("left",))
        if channels not in (1, 2):
            raise ValueError(f"a mixer of {channels} channels: 1 or 2")
        self._channels = channels
        self._inputs: dict[int, AudioInput] = {}
        self._pump: Pump[Mix] = Pump(SAMPLES / RATE, self._mix, _LIMIT)
        self._closed = False

    @overload
    def on(self, event: Literal["left"]) -> Callable[[Left], Left]: ...
    @overload
    def on(self, event: Literal["left"], handler: Left) -> Left: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler of `left`, a function or a coroutine function; also a decorator.

        Raises:
            ValueError: A mixer has no event of that name.
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
    def inputs(self) -> tuple[MediaStreamTrack, ...]:
        """The tracks that are mixed, in the order in which they came."""
        return tuple(one.track for one in self._inputs.values())

    def add(self, track: MediaStreamTrack, *, gain: float = 1.0) -> None:
        """Mix this track in. Nothing happens where it is an input already.

        Args:
            track: Sound, decoded.
            gain: What every sample is multiplied by.

        Raises:
            ValueError: The track is no sound, or the mixer was closed.
        """
        if track.kind != "audio":
            raise ValueError(f"a mixer takes sound, not {track.kind}")
        if self._closed:
            raise ValueError("the mixer was closed")
        if id(track) not in self._inputs:
            self._inputs[id(track)] = AudioInput(
                track, self._channels, gain, lambda error: self._left(track, error)
            )

    def remove(self, track: MediaStreamTrack) -> None:
        """Mix it no more. Nothing happens where it is no input."""
        former = self._inputs.pop(id(track), None)
        if former is not None:
            former.reading.cancel()

    def track(self, *, without: MediaStreamTrack | Collection[MediaStreamTrack] = ()) -> MixedTrack:
        """A new track of the mix, for one reader. It ends with the mixer, or when it is stopped.

        Args:
            without: Inputs that are not heard on it, so that a participant does not hear itself.
                They may come to the mixer later.
        """
        left_out = (without,) if isinstance(without, MediaStreamTrack) else tuple(without)
        return MixedTrack(self._pump, self._channels, left_out)

    def level(self, track: MediaStreamTrack) -> AudioLevel:
        """How loud an input is now, after its gain; silent where it is none."""
        found = self._inputs.get(id(track))
        return SILENT if found is None else found.level

    async def close(self) -> None:
        """End every track that it made, and leave the inputs alone; any number of times."""
        self._closed = True
        inputs, self._inputs = tuple(self._inputs.values()), {}
        await asyncio.gather(*(one.reading.stop() for one in inputs), self._pump.close())

    async def _mix(self, number: int) -> Mix:
        blocks = ((key, one.block()) for key, one in self._inputs.items())
        return Mix(number, {key: block for key, block in blocks if block is not None})

    def _left(self, track: MediaStreamTrack, error: Exception | None) -> None:
        if self._inputs.pop(id(track), None) is not None:
            # A handler that fails is not to be taken for a fault of the track.
            asyncio.get_running_loop().call_soon(self._events.emit, "left", track, error)
