"""Mixer of any number of audio tracks, with an output track for each reader."""

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
from media.mixing.paced_producer import PacedProducer
from peer.emitter import EventEmitter

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from peer import AudioLevel
    from peer.emitter import Handler

#: Frames of 20 ms that wait for the reader of an output track (ours).
_LIMIT = 10

#: Handler of event `left`.
Left: TypeAlias = "Callable[[MediaStreamTrack, Exception | None], object]"


class AudioMixer:
    """Mixes any number of tracks of any rate and layout into tracks of 48 kHz.

    Inputs may be added and removed while the mixer runs. The mixer is the only reader of an input
    and never stops it; an input that ends is removed. An input is delayed by 40 ms, or up to
    120 ms where its frames arrive irregularly. A limiter keeps the sum within full scale. Silent
    inputs are not summed, and nothing is summed while no output is read.

    Event `left`: an input's track has ended, with the track and the exception that ended it, or
    None.

    Args:
        channels: Channels of the output tracks: 1 or 2.

    Raises:
        ValueError: The number of channels is another.
    """

    def __init__(self, channels: int = 1) -> None:
        self._events = EventEmitter("AudioMixer", ("left",))
        if channels not in (1, 2):
            raise ValueError(f"a mixer of {channels} channels: 1 or 2")
        self._channels = channels
        self._inputs: dict[int, AudioInput] = {}
        self._producer: PacedProducer[Mix] = PacedProducer(SAMPLES / RATE, self._mix, _LIMIT)
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

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<AudioMixer {state} inputs={len(self._inputs)} channels={self._channels}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def inputs(self) -> tuple[MediaStreamTrack, ...]:
        """The tracks that are mixed, in the order in which they were added."""
        return tuple(one.track for one in self._inputs.values())

    def add(self, track: MediaStreamTrack, *, gain: float = 1.0) -> None:
        """Mix a track in; does nothing for a track that is an input already.

        Args:
            track: A track of decoded audio.
            gain: Factor for every sample.

        Raises:
            ValueError: The track is no audio track, or the mixer was closed.
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
        """Remove an input track; does nothing for other tracks."""
        former = self._inputs.pop(id(track), None)
        if former is not None:
            former.reader.cancel()

    def track(self, *, without: MediaStreamTrack | Collection[MediaStreamTrack] = ()) -> MixedTrack:
        """Make a new output track, for one reader; it ends with the mixer or when it is stopped.

        Args:
            without: Inputs to leave out, so that a participant does not hear itself. They may be
                added to the mixer later.
        """
        left_out = (without,) if isinstance(without, MediaStreamTrack) else tuple(without)
        return MixedTrack(self._producer, self._channels, left_out)

    def level(self, track: MediaStreamTrack) -> AudioLevel:
        """Return the present level of an input after its gain; silence for other tracks."""
        found = self._inputs.get(id(track))
        return SILENT if found is None else found.level

    async def close(self) -> None:
        """End all output tracks and leave the inputs alone; may be called repeatedly."""
        self._closed = True
        inputs, self._inputs = tuple(self._inputs.values()), {}
        for one in inputs:
            # In the first turn, so that a caller that is cancelled leaves none running.
            one.reader.cancel()
        await asyncio.gather(*(one.reader.stop() for one in inputs), self._producer.close())

    async def _mix(self, number: int) -> Mix:
        blocks = ((key, one.block()) for key, one in self._inputs.items())
        return Mix(number, {key: block for key, block in blocks if block is not None})

    def _left(self, track: MediaStreamTrack, error: Exception | None) -> None:
        if self._inputs.pop(id(track), None) is not None:
            # Later, so that an exception in a handler does not count as one of the track.
            asyncio.get_running_loop().call_soon(self._events.emit, "left", track, error)
