"""Owns the choice of who is shown as the speaker. PURE: time is passed in."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer import AudioLevel

K = TypeVar("K", bound=Hashable)

#: Seconds over which a level is smoothed: a word is heard at once, a breath is not an end.
_ATTACK = 0.15
_DECAY = 0.8
#: dB below full scale; what is quieter is nobody speaking.
VOICE = 50.0
#: dB by which another one must be louder while the speaker speaks.
MARGIN = 6.0
#: Seconds for which another one must have been the louder one.
PERSISTENCE = 0.6
#: Seconds that a speaker is shown at least.
DWELL = 2.0
_SILENCE = 127.0


@dataclass(slots=True)
class _Voice:
    level: float = _SILENCE

    def follow(self, level: float, elapsed: float) -> None:
        constant = _ATTACK if level < self.level else _DECAY
        self.level += (level - self.level) * min(1.0, elapsed / constant)


class SpeakerChoice(Generic[K]):
    """Chooses one of the participants by how loud they are, and changes its mind slowly.

    Whoever is to take over has spoken for `PERSISTENCE`, louder than everybody else and, while the
    present speaker still speaks, by `MARGIN` louder than that one; and not before the present one
    has been shown for `DWELL`. In silence all stays as it is.
    """

    def __init__(self) -> None:
        self._voices: dict[K, _Voice] = {}
        self._speaker: K | None = None
        self._since = 0.0
        self._rival: tuple[K, float] | None = None
        self._now: float | None = None

    @property
    def speaker(self) -> K | None:
        """Who was chosen last."""
        return self._speaker

    def update(self, levels: Mapping[K, AudioLevel], now: float) -> K | None:
        """Who is the speaker now; None where there is nobody.

        Args:
            levels: Of all who are here, in the order in which they came.
            now: In seconds of any clock that does not go back.
        """
        elapsed = 0.0 if self._now is None else max(0.0, now - self._now)
        self._now = now
        self._voices = {key: self._voices.get(key) or _Voice() for key in levels}
        for key, voice in self._voices.items():
            voice.follow(levels[key].level, elapsed)
        loudest = min(self._voices, key=lambda key: self._voices[key].level, default=None)
        if self._speaker not in self._voices:
            self._choose(loudest, now, chosen=False)
        elif loudest is not None:
            self._consider(loudest, now)
        return self._speaker

    def _consider(self, loudest: K, now: float) -> None:
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

    def _choose(self, key: K | None, now: float, *, chosen: bool) -> None:
        self._speaker = key
        # Who stands in for one that left has no claim to stay.
        self._since = now if chosen else now - DWELL
        self._rival = None
