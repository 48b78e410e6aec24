"""Detection of growing delay of a track, and of a stalled audio clock. PURE."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.times import MonotonicTime, Seconds

#: Seconds over which the minimum delay is taken (ours).
_SPAN = 0.6
#: Frames in that time below which nothing is said (ours).
_ENOUGH = 5
#: Frames that are kept at most (ours).
_FRAMES = 64
#: Time constant in seconds of the long-term minimum (ours).
_ADAPTING = 30.0
#: Seconds for which the audio delay must exceed that of video to count as a stall (ours).
_CERTAIN = 0.25
#: Seconds of difference up to which it is chance (ours).
_CHANCE = 0.02
#: Seconds for which a track is observed before it says what the network does (ours).
_SETTLED = 2.0
#: Seconds within which the next sender report would tell of a stall: senders of sound report each 5
#: seconds (RFC 3550 section 6.2).
_UNCONFIRMED = 6.0


@dataclass(slots=True)
class DelayGrowthDetector:
    """Detects growing delay of one track: recent minimum delay minus its long-term minimum.

    The recent minimum is that of the last 0.6 seconds. A stall of the sender's clock and sound that
    is late on its way look alike until the next sender report, so that the clock is believed unless
    a report has told of a stall before.

    Args:
        growth: Growth of the delay in seconds; 0 while there are too few frames.

    Attributes:
        stalled: Seconds for which the audio clock of the sender stood still unnoticed.
    """

    growth: Seconds = 0.0
    stalled: Seconds = field(default=0.0, init=False)
    _found: deque[tuple[MonotonicTime, Seconds]] = field(
        default_factory=lambda: deque(maxlen=_FRAMES), init=False
    )
    _recent: deque[tuple[MonotonicTime, Seconds]] = field(
        default_factory=lambda: deque(maxlen=_FRAMES), init=False
    )
    _usual: Seconds = field(default=float("inf"), init=False)
    _since: MonotonicTime | None = field(default=None, init=False)
    _is_doubted: bool = field(default=False, init=False)
    _stalled_since: MonotonicTime | None = field(default=None, init=False)

    @property
    def is_settled(self) -> bool:
        """True once the track was observed for long enough to tell what its network does."""
        return self._since is not None and self._recent[-1][0] - self._since >= _SETTLED

    def observe(self, arrival: MonotonicTime, delay: Seconds) -> None:
        """Note the arrival of a frame, and the delay since its capture by the track's clock."""
        if self._since is None:
            self._since = arrival
        passed = arrival - self._recent[-1][0] if self._recent else 0.0
        self._recent.append((arrival, delay))
        while self._recent[0][0] < arrival - _SPAN:
            self._recent.popleft()
        if len(self._recent) < _ENOUGH:
            self.growth = 0.0
            return
        least = min(delay for _, delay in self._recent)
        part = min(1.0, max(0.0, passed) / _ADAPTING)
        self._usual = min(least, self._usual + part * (least - self._usual))
        self.growth = least - self._usual

    def restart(self) -> None:
        """Forget the delays before a change of the track's clock."""
        self._recent.clear()
        self._found.clear()
        self._usual = float("inf")
        self._since = self._stalled_since = None
        self.growth = self.stalled = 0.0

    def on_report(self, change: Seconds) -> None:
        """Learn from a sender report that moves the track's clock, and begin anew.

        The clock is doubted from now on where it moves by what the delay had grown by: it stood.
        """
        if change > _CHANCE:
            self._is_doubted = change / 2 <= self.growth <= change * 2
        self.restart()

    def compare(self, video: Iterable[DelayGrowthDetector]) -> None:
        """Tell a stalled audio clock from a growing network delay.

        A clock that counts audio samples stands still while a busy sender loses some; its
        timestamps are then too early until the next sender report. A growing network delay shows
        in the video tracks of the sender as well. Without video, or with one that has just begun,
        nothing can be told.
        """
        if not self._is_doubted:
            return
        now = self._recent[-1][0]
        if self._stalled_since is not None and now - self._stalled_since > _UNCONFIRMED:
            # A report has come and told of no stall: the sound is late on its way.
            self._is_doubted = False
            self.restart()
            return
        settled = (each.growth for each in video if each.is_settled)
        found = self.growth - max(settled, default=self.growth)
        self._found.append((now, found))
        while self._found[0][0] < now - _CERTAIN:
            self._found.popleft()
        least = min(found for _, found in self._found)
        lasting = now - self._found[0][0] >= _CERTAIN / 2
        self.stalled = least if lasting and least > _CHANCE else 0.0
        if not self.stalled:
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = now
