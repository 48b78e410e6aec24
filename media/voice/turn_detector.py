"""Turns of speech from windows of sound and the probability that each is speech. PURE."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from media.voice.events import SpeechEnded, SpeechEndReason, SpeechStarted
from media.voice.settings import TurnSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from media.voice.events import TurnEvent
    from peer.times import Seconds

#: Sample rate in Hz that detectors take (ours; that of Silero's and WebRTC's models).
RATE = 16_000


class TurnDetector:
    """Makes turns of speech from windows of sound and their probabilities. PURE.

    For programs that read a track themselves, as for a recogniser that takes sound as it comes;
    `turns` does it for all others.

    Args:
        settings: Thresholds and durations.
        rate: Sample rate of the windows in Hz.
    """

    def __init__(self, settings: TurnSettings | None = None, *, rate: int = RATE) -> None:
        self._settings = settings or TurnSettings()
        self._rate = rate
        # Places are counted in samples since the beginning.
        self._heard = 0
        self._kept: deque[NDArray[np.int16]] = deque()
        self._kept_from = 0
        self._speaking = False
        # Samples by which speech outweighs silence, before it counts as begun.
        self._speech = 0
        self._start = 0
        self._speech_end = 0
        self._pausing = False
        # Whether an utterance was given in part, and the next window may go on with it.
        self._goes_on = False

    @property
    def speaking(self) -> bool:
        """True from the begin of an utterance until it is over, pauses within it included."""
        return self._speaking

    def add(self, samples: NDArray[np.int16], probability: float) -> list[TurnEvent]:
        """Take the next window of sound, and return what it brings about.

        Args:
            samples: Mono, of any length; a detector wants one of its own.
            probability: Probability that it is speech, 0 to 1.

        Raises:
            ValueError: The probability is not between 0 and 1.
        """
        if not 0 <= probability <= 1:
            raise ValueError(f"{probability} is no probability of speech")
        begin = self._heard
        self._kept.append(np.array(samples, np.int16))
        self._heard += len(samples)
        if self._speaking:
            return self._go_on(probability)
        return self._wait(begin, probability)

    def end(self, reason: SpeechEndReason) -> list[TurnEvent]:
        """End the utterance that goes on, if one does, as nothing more will come."""
        if not self._speaking:
            self._speech, self._goes_on = 0, False
            self._forget()
            return []
        return [self._ended(self._speech_end, reason)]

    def _wait(self, begin: int, probability: float) -> list[TurnEvent]:
        settings = self._settings
        length = self._heard - begin
        goes_on, self._goes_on = self._goes_on, False
        if probability >= (settings.release if self._speech or goes_on else settings.threshold):
            if not self._speech:
                self._start = begin
            self._speech += length
            self._speech_end = self._heard
            if goes_on or self._speech >= self._count(settings.minimum_speech):
                self._speaking, self._pausing = True, False
                return [SpeechStarted(self._start / self._rate, self._heard / self._rate)]
        else:
            self._speech = max(0, self._speech - length)
            # Noises that come and go are no speech, however long they do.
            if self._heard - self._start > self._count(settings.minimum_speech + settings.hangover):
                self._speech = 0
        self._forget()
        return []

    def _go_on(self, probability: float) -> list[TurnEvent]:
        settings = self._settings
        if probability >= (settings.threshold if self._pausing else settings.release):
            self._speech_end = self._heard
            self._pausing = False
        else:
            self._pausing = True
        if self._pausing and self._heard - self._speech_end >= self._count(settings.hangover):
            return [self._ended(self._speech_end, SpeechEndReason.SILENCE)]
        if self._heard - self._start < self._count(settings.longest):
            return []
        if self._pausing:
            return [self._ended(self._speech_end, SpeechEndReason.TOO_LONG)]
        part = self._ended(self._heard, SpeechEndReason.TOO_LONG)
        self._goes_on = True
        return [part]

    def _ended(self, end: int, reason: SpeechEndReason) -> SpeechEnded:
        """Return the utterance, and keep what was heard behind it for the next one."""
        sound = np.concatenate(self._kept)
        lead = self._start - self._kept_from
        cut = min(self._heard, end + self._count(self._settings.padding)) - self._kept_from
        self._kept = deque([sound[cut:].copy()])
        self._kept_from += cut
        self._speaking, self._speech = False, 0
        self._forget()
        return SpeechEnded(
            start=self._start / self._rate,
            end=end / self._rate,
            reason=reason,
            samples=sound[:cut],
            lead=lead / self._rate,
        )

    def _forget(self) -> None:
        """Forget the windows that lie before the padding of an utterance that begins now."""
        first = self._start if self._speech else self._heard
        needed = first - self._count(self._settings.padding)
        while self._kept and self._kept_from + len(self._kept[0]) <= needed:
            self._kept_from += len(self._kept.popleft())

    def _count(self, seconds: Seconds) -> int:
        return round(seconds * self._rate)
