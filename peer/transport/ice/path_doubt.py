"""Doubt about the selected path: when it is checked beyond the schedule, and given up. PURE.

RFC 7675 asks for one check in five seconds, which is the time that a dead path would last. What
casts doubt asks at once: a check without an answer, media that stops, checks of the peer that come
by another way. Several checks in a row without an answer mean that the path is lost, so that
another pair that answers takes its place (libwebrtc waits for five checks, and 2.5 s).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds
    from peer.transport.ice.timing import IceTiming

#: Checks in doubt that have to stay unanswered, beside the first, before the path is lost (ours):
#: five in a row at 10% loss each way are lost once in six hours.
CHECKS_IN_DOUBT = 4
#: Datagrams in one `consent_grace` that make a flow (ours): a codec in discontinuous transmission
#: sends fewer, and its pauses say nothing.
FLOW = 5

_NEVER = float("inf")


class PathTrust(Enum):
    """Trust in the selected path: sure, doubted (a check is late), or lost (several are)."""

    SURE = auto()
    DOUBTED = auto()
    LOST = auto()


class PathDoubt:
    """Tracks whether the selected path still works, by the answers to its checks.

    Args:
        timing: Intervals and timeouts.
        now: The present time.
    """

    def __init__(self, timing: IceTiming, now: MonotonicTime) -> None:
        self._timing = timing
        self._answered_at = now
        #: Time of the first check since the last answer, and of the latest.
        self._asked_at: MonotonicTime | None = None
        self._checked_at = now
        self._suspected = False
        self._packets = 0
        self._looked_at = now
        self._flows = False

    def __repr__(self) -> str:
        return f"<PathDoubt asked at {self._asked_at}, answered at {self._answered_at}>"

    def on_check_sent(self, now: MonotonicTime) -> None:
        """Record that the selected path was checked."""
        self._suspected = False
        self._checked_at = now
        if self._asked_at is None:
            self._asked_at = now

    def on_answer(self, now: MonotonicTime) -> None:
        """Record that a check of the selected path was answered, or that another was selected."""
        self._suspected = False
        self._answered_at = now
        self._asked_at = None

    def on_pause(self, length: Seconds) -> None:
        """Discount a time in which this process did not run, so that no answer was seen."""
        self._checked_at += length
        if self._asked_at is not None:
            self._asked_at += length

    def suspect(self, now: MonotonicTime) -> None:
        """Ask at once, as something speaks against the path; not again within `consent_grace`."""
        if self._asked_at is None and now >= self._answered_at + self._timing.consent_grace:
            self._suspected = True

    def on_packets(self, packets: int, now: MonotonicTime) -> None:
        """Note how many datagrams have come so far, to suspect the path when a flow ends.

        Args:
            packets: Datagrams of the peer, without STUN.
            now: The present time.
        """
        elapsed = now - self._looked_at
        if elapsed < self._timing.consent_grace:
            return
        came, self._packets, self._looked_at = packets - self._packets, packets, now
        flowed, self._flows = self._flows, came >= FLOW * elapsed / self._timing.consent_grace
        # One that ends soon after a look has brought a few.
        if flowed and not self._flows:
            self.suspect(now)

    def trust(self, now: MonotonicTime) -> PathTrust:
        """Return the trust in the path."""
        if self._asked_at is None or now < self._doubted_at:
            return PathTrust.SURE
        return PathTrust.DOUBTED if now < self._lost_at else PathTrust.LOST

    def is_check_due(self, now: MonotonicTime) -> bool:
        """Return True if a check of the path is due before its next one for consent."""
        return now >= self._check_due_at(now)

    def next_deadline(self, now: MonotonicTime) -> MonotonicTime:
        """Return the time at which the trust may change, a check or a look is due."""
        times = [self._check_due_at(now)]
        if self._flows:
            times.append(self._looked_at + self._timing.consent_grace)
        if self.trust(now) is PathTrust.DOUBTED:
            times.append(self._lost_at)
        return min(times)

    @property
    def _doubted_at(self) -> MonotonicTime:
        return _NEVER if self._asked_at is None else self._asked_at + self._timing.consent_grace

    @property
    def _lost_at(self) -> MonotonicTime:
        return self._doubted_at + CHECKS_IN_DOUBT * self._timing.recheck

    def _check_due_at(self, now: MonotonicTime) -> MonotonicTime:
        if self._suspected:
            return now
        return max(self._doubted_at, self._checked_at + self._interval(now))

    def _interval(self, now: MonotonicTime) -> Seconds:
        # While nothing works there is no haste, only the wish to find out soon that it works again.
        lost = self.trust(now) is PathTrust.LOST
        return self._timing.consent_grace if lost else self._timing.recheck
