"""Owns consent freshness (RFC 7675): when to ask again, and what silence means. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.transport.adapters.ice_timing import IceTiming


class ConsentState(Enum):
    """What the peer's answers, or their absence, allow."""

    FRESH = auto()
    SILENT = auto()
    EXPIRED = auto()


class Consent:
    """The consent of one peer to be sent to.

    Args:
        timing: The intervals.
        random: A uniform value from 0 to 1, for the randomised interval.
        now: The present time in seconds; every other time given to this object is on that clock.

    Attributes:
        withdrawn: Whether the peer itself has ended it (RFC 7675 section 5.2).
    """

    def __init__(self, timing: IceTiming, random: Callable[[], float], now: float) -> None:
        self._timing = timing
        self._random = random
        self.withdrawn = False
        # A check that succeeded is what makes a pair valid, and is consent (RFC 7675 section 5.1).
        self._answered_at = now
        self._heard_at = now
        self._unanswered_since: float | None = None
        self._next_check = now + self._interval()

    def due(self, now: float) -> bool:
        """Whether a consent check is to be sent."""
        return now >= self._next_check

    def asked(self, now: float) -> None:
        """Note that a consent check left."""
        if self._unanswered_since is None:
            self._unanswered_since = now
        self._next_check = now + self._interval()

    def answered(self, now: float) -> None:
        """Note an authenticated answer, which alone renews consent."""
        self._answered_at = now
        self.heard(now)

    def heard(self, now: float) -> None:
        """Note that the peer is there: any datagram or check of its own says so."""
        self._heard_at = now
        self._unanswered_since = None

    def revoke(self) -> None:
        """Note that the peer withdrew its consent (RFC 7675 section 5.2)."""
        self.withdrawn = True

    def state(self, now: float) -> ConsentState:
        """What holds now."""
        # RFC 7675 section 5.1: after 30 s without an answer sending must stop.
        if self.withdrawn or now >= self._answered_at + self._timing.consent_expiry:
            return ConsentState.EXPIRED
        if now >= self._silent_at():
            return ConsentState.SILENT
        return ConsentState.FRESH

    def wake_at(self, now: float) -> float:
        """When to look again."""
        times = [self._next_check, self._answered_at + self._timing.consent_expiry]
        if self.state(now) is ConsentState.SILENT:
            # A datagram ends the silence; it is not worth a timer of its own, a look suffices.
            times.append(now + self._timing.consent_grace / 2)
        else:
            times.append(self._silent_at())
        return min(times)

    def _silent_at(self) -> float:
        if self._unanswered_since is None:
            return float("inf")
        return max(
            self._unanswered_since + self._timing.consent_grace,
            self._heard_at + self._timing.silence,
        )

    def _interval(self) -> float:
        # RFC 7675 section 5.1: randomised from 0.8 to 1.2 times, against synchronisation.
        return self._timing.consent_interval * (0.8 + 0.4 * self._random())
