"""Settings of turn detection: thresholds and durations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.times import Seconds

#: Longest utterance in seconds that can be asked for (ours): its samples are held in memory.
_LONGEST = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSettings:
    """Settings of turn detection; the values by default suit a conversation.

    Args:
        threshold: Probability of speech from which a window is speech.
        release: Probability below which speech pauses; a window between the two goes on with what
            the one before it was (hysteresis).
        minimum_speech: Seconds by which speech outweighs silence before it counts as begun:
            shorter noises are no turn.
        hangover: Seconds of silence that end an utterance: shorter pauses belong to it.
        padding: Seconds of sound that an utterance has before and after its speech, as recognisers
            want it.
        longest: Seconds after which an utterance is given, though it goes on as the next one.

    Raises:
        ValueError: The release is above the threshold, one of them is no probability, or a
            duration is negative or too long.
    """

    threshold: float = 0.5
    release: float = 0.35
    minimum_speech: Seconds = 0.1
    hangover: Seconds = 0.6
    padding: Seconds = 0.3
    longest: Seconds = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.release <= self.threshold <= 1:
            raise ValueError(f"threshold {self.threshold}, release {self.release}")
        if not 0 < self.longest <= _LONGEST:
            raise ValueError(f"utterances of {self.longest} s")
        for name, seconds in (
            ("minimum_speech", self.minimum_speech),
            ("hangover", self.hangover),
            ("padding", self.padding),
        ):
            if not 0 <= seconds <= self.longest:
                raise ValueError(f"{name} of {seconds} s in utterances of {self.longest} s")
