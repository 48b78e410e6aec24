"""Sends telephone tones (DTMF) in an audio stream (W3C webrtc-pc section 7)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, overload

from peer.emitter import EventEmitter
from peer.errors import ConfigurationError, InvalidStateError
from peer.rtp.dtmf_events import PAUSE, PAUSE_LENGTH, TONES
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.emitter import Decorator, Handler, Takes
    from peer.times import Seconds

TONE_CHANGE = "tonechange"
#: Milliseconds of a duration, as W3C counts them here; positional, as in W3C.
Milliseconds: TypeAlias = int

#: Duration of a tone in ms: default, least and most (webrtc-pc section 7.2).
_DEFAULT_DURATION, _SHORTEST, _LONGEST = 100, 40, 6000
#: Gap between tones in ms: default and least (webrtc-pc section 7.2).
_DEFAULT_GAP, _SHORTEST_GAP = 70, 30


@dataclass(frozen=True, slots=True)
class ToneChangeEvent:
    """A tone begins or, with an empty `tone`, all tones are played (RTCDTMFToneChangeEvent)."""

    tone: str


class ToneStream(Protocol):
    """The outgoing stream that plays the tones of a `DtmfSender`."""

    @property
    def takes_tones(self) -> bool:
        """True while tones can be sent."""

    def play_tone(self, tone: str, *, duration: int, gap: int) -> None:
        """Begin a tone of `duration` ms; the next one comes no sooner than `gap` ms after it."""


class DtmfSender:
    """Plays tones in place of the audio of its sender (RTCDTMFSender).

    Subscribe to `tonechange` with `on`, or set `ontonechange`: a function or a coroutine function
    that takes a `ToneChangeEvent`.

    Args:
        stream: Stream of the sender.
    """

    def __init__(self, stream: ToneStream) -> None:
        self._events = EventEmitter("DtmfSender", (TONE_CHANGE,))
        self._stream = stream
        self._buffer = ""
        self._duration = _DEFAULT_DURATION
        self._gap = _DEFAULT_GAP
        self._next: asyncio.TimerHandle | None = None
        self._handler: Callable[[ToneChangeEvent], object] | None = None

    def __repr__(self) -> str:
        """Show how many tones are still to be played, and not which."""
        return f"<DtmfSender waiting={len(self._buffer)}>"

    @property
    def canInsertDTMF(self) -> bool:
        """True where telephone events were negotiated and the sender sends."""
        return self._stream.takes_tones

    @property
    def toneBuffer(self) -> str:
        """The tones that are still to be played, without the present one."""
        return self._buffer

    @property
    def ontonechange(self) -> Callable[[ToneChangeEvent], object] | None:
        """The handler of `tonechange` that is set, beside those added with `on`."""
        return self._handler

    @ontonechange.setter
    def ontonechange(self, handler: Callable[[ToneChangeEvent], object] | None) -> None:
        if self._handler is not None:
            self._events.remove_listener(TONE_CHANGE, self._handler)
        self._handler = handler
        if handler is not None:
            self._events.on(TONE_CHANGE, handler)

    @overload
    def on(self, event: Literal["tonechange"]) -> Decorator[ToneChangeEvent]: ...
    @overload
    def on(
        self, event: Literal["tonechange"], handler: Takes[ToneChangeEvent]
    ) -> Takes[ToneChangeEvent]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler of `tonechange`, a function or a coroutine function; also a decorator.

        Raises:
            ValueError: A DtmfSender has no event of that name.
        """
        return self._events.subscribe(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._events.remove_listener(event, handler)

    def insertDTMF(
        self,
        tones: str,
        duration: Milliseconds = _DEFAULT_DURATION,
        interToneGap: Milliseconds = _DEFAULT_GAP,
    ) -> None:
        """Play tones after the present one, in place of those still to be played.

        Args:
            tones: Characters `0` to `9`, `A` to `D`, `#`, `*`, and `,` for a pause of two seconds;
                empty to stop.
            duration: Duration of each tone in ms, bounded to 40 to 6000.
            interToneGap: Gap between tones in ms, bounded to 30 to 6000.

        Raises:
            InvalidStateError: Tones cannot be sent now; see `canInsertDTMF`.
            ConfigurationError: A character is no tone.
        """
        if not self.canInsertDTMF:
            raise InvalidStateError("tones were not agreed on, or the sender does not send")
        upper = tones.upper()
        unknown = sorted(set(upper) - set(TONES + PAUSE))
        if unknown:
            raise ConfigurationError(f"{unknown[0]!r} is no tone of a telephone")
        self._buffer = upper
        self._duration = max(_SHORTEST, min(int(duration), _LONGEST))
        self._gap = max(_SHORTEST_GAP, min(int(interToneGap), _LONGEST))
        if upper and self._next is None:
            self._schedule(0.0)

    def stop(self) -> None:
        """Stop to play, and remove all handlers."""
        self._buffer = ""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._handler = None
        self._events.clear()

    def _schedule(self, seconds: Seconds) -> None:
        self._next = asyncio.get_running_loop().call_later(seconds, self._play)

    def _play(self) -> None:
        """Run the playout task of webrtc-pc section 7.2: one tone, pause or end."""
        self._next = None
        if not self._stream.takes_tones:
            return
        tone, self._buffer = self._buffer[:1], self._buffer[1:]
        if tone == PAUSE:
            self._schedule(PAUSE_LENGTH)
        elif tone:
            self._stream.play_tone(tone, duration=self._duration, gap=self._gap)
            self._schedule((self._duration + self._gap) / 1000)
        self._events.emit(TONE_CHANGE, ToneChangeEvent(tone))
