"""Events of turn detection: speech that begins, and utterances that are over."""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from peer.values import dataclass

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from peer.times import Seconds


class SpeechEndReason(Enum):
    """Reason why an utterance is over."""

    SILENCE = "silence"
    #: The track gave nothing for longer than the hangover, as where a microphone is muted.
    NO_SOUND = "no sound"
    #: The utterance reached its longest; what follows is the next one.
    TOO_LONG = "too long"
    TRACK_ENDED = "track ended"


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody has begun to speak.

    Args:
        start: Begin of the speech, in seconds of sound since the detection began.
        noticed: Seconds of sound that had been heard when this was decided.
    """

    start: Seconds
    noticed: Seconds


@dataclass(frozen=True, slots=True, eq=False)
class SpeechEnded:
    """An utterance is over; each follows one `SpeechStarted`.

    Args:
        start: Begin of the speech, in seconds of sound since the detection began.
        end: End of the speech, likewise.
        reason: Reason why the utterance is over.
        samples: Sound of the utterance, mono, with some of what was heard before and after it.
        lead: Seconds of `samples` that lie before `start`.
    """

    start: Seconds
    end: Seconds
    reason: SpeechEndReason
    samples: NDArray[np.int16] = field(repr=False)
    lead: Seconds


TurnEvent: TypeAlias = SpeechStarted | SpeechEnded
