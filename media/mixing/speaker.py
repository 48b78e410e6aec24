"""Active speaker detection by audio levels. PURE: time is passed in."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer import AudioLevel
    from peer.times import MonotonicTime, Seconds

K = TypeVar("K", bound=Hashable)

#: Time constant in seconds with which the smoothed level follows a louder one (ours).
_ATTACK = 0.15
#: Time constant in seconds with which the smoothed level follows a quieter one (ours).
_DECAY = 0.8
#: Level in -dBFS up to which a participant counts as speaking (ours).
VOICE = 50.0
#: Margin in dB by which a rival must exceed a speaker who still speaks (ours).
MARGIN = 6.0
#: Seconds for which a rival must have been the loudest (ours).
PERSISTENCE = 0.6
#: Seconds for which a speaker is shown at least (ours).
DWELL = 2.0
#: Digital silence in -dBFS (RFC 6464 section 3).
_SILENCE = 127.0


@dataclass(slots=True)
class _Voice:
    level: float = _SILENCE

    def follow(self, level: float, *, elapsed: Seconds) -> None:
        constant = _ATTACK if level < self.level else _DECAY
        self.level += (level - self.level) * min(1.0, elapsed / constant)


class SpeakerChoice(Generic[K]):
    """Chooses the active speaker by audio levels, with hysteresis.

    A rival takes over after being the loudest for `PERSISTENCE` seconds, by `MARGIN` dB louder
    than a present speaker who still speaks, and when the present speaker has been shown for
    `DWELL` seconds. In silence the speaker stays.
    """

    def __init__(self) -> None:
        self._voices: dict[K, _Voice] = {}
        self._speaker: K | None = None
        self._since = 0.0
        self._rival: tuple[K, float] | None = None
        self._now: float | None = None

    @property
    def speaker(self) -> K | None:
        """The participant that was chosen last."""
        return self._speaker

    def update(self, levels: Mapping[K, AudioLevel], now: MonotonicTime) -> K | None:
        """Choose the active speaker; None without participants.

        Args:
            levels: The level of each participant, in the order in which they came.
            now: Seconds of any monotonic clock.
        """
        elapsed = 0.0 if self._now is None else max(0.0, now - self._now)
        self._now = now
        self._voices = {key: self._voices.get(key) or _Voice() for key in levels}
        for key, voice in self._voices.items():
            voice.follow(levels[key].level, elapsed=elapsed)
        loudest = min(self._voices, key=lambda key: self._voices[key].level, default=None)
        if self._speaker not in self._voices:
            self._choose(loudest, now, chosen=False)
        elif loudest is not None:
            self._consider(loudest, now)
        return self._speaker

    def _consider(self, loudest: K, now: MonotonicTime) -> None:
        if not self._outdoes(loudest):
            self._rival = None
            return
        if self._rival is None or self._rival[0] != loudest:
            self._rival = (loudest, now)
        if now - self._rival[1] >= PERSISTENCE and now - self._since >= DWELL:
            self._choose(loudest, now, chosen=True)

    def _outdoes(self, other: K) -> bool:
        if other == self._speaker or self._speaker is None:
            return False
        level, present = self._voices[other].level, self._voices[self._speaker].level
        return level <= VOICE and (present > VOICE or level <= present - MARGIN)

    def _choose(self, key: K | None, now: MonotonicTime, *, chosen: bool) -> None:
        self._speaker = key
        # A stand-in for a speaker that left may be replaced at once.
        self._since = now if chosen else now - DWELL
        self._rival = None
