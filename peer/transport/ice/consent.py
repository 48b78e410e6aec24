"""Consent freshness (RFC 7675): when a check is due, and when consent is lost. PURE."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds
    from peer.transport.ice.timing import IceTiming


class ConsentState(Enum):
    """Consent of the peer: fresh, silent (no sign of the peer), or expired (sending must stop)."""

    FRESH = auto()
    SILENT = auto()
    EXPIRED = auto()


class Consent:
    """Tracks the consent of one peer to be sent to.

    Args:
        timing: Intervals and timeouts.
        random: Returns a uniform value from 0 to 1, for the randomised interval.
        now: The present time.

    Attributes:
        withdrawn: True once the peer itself has ended it (RFC 7675 section 5.2).
    """

    def __init__(self, timing: IceTiming, random: Callable[[], float], now: MonotonicTime) -> None:
        self._timing = timing
        self._random = random
        self.withdrawn = False
        # A check that succeeded is what makes a pair valid, and is consent (RFC 7675 section 5.1).
        self._answered_at = now
        self._received_at = now
        self._unanswered_since: MonotonicTime | None = None
        self._next_check = now + self._interval()
        #: Time since the last answer in which this process did not run.
        self._paused: Seconds = 0.0

    def is_check_due(self, now: MonotonicTime) -> bool:
        """Return True if a consent check is to be sent."""
        return now >= self._next_check

    def on_check_sent(self, now: MonotonicTime) -> None:
        """Record that a consent check was sent."""
        if self._unanswered_since is None:
            self._unanswered_since = now
        self._next_check = now + self._interval()

    def on_response(self, now: MonotonicTime) -> None:
        """Record an authenticated response, which alone renews consent."""
        self._answered_at = now
        self._paused = 0.0
        self.on_received(now)

    def on_received(self, now: MonotonicTime) -> None:
        """Record a datagram or check of the peer, which ends a silence and renews no consent."""
        self._received_at = now
        self._unanswered_since = None

    def on_pause(self, length: Seconds, now: MonotonicTime) -> None:
        """Discount a time in which this process did not run, and ask at once.

        Args:
            length: Seconds until now in which nothing could be asked or noticed.
            now: The present time.
        """
        self._answered_at += length
        self._received_at += length
        self._paused += length
        if self._unanswered_since is not None:
            self._unanswered_since += length
        self._next_check = now

    def is_overdue(self, now: MonotonicTime) -> bool:
        """Return True if the last answer is so old, pauses included, that sending must wait."""
        return now >= self._answered_at - self._paused + self._timing.consent_expiry

    def withdraw(self) -> None:
        """Record that the peer withdrew its consent (RFC 7675 section 5.2)."""
        self.withdrawn = True

    def state(self, now: MonotonicTime) -> ConsentState:
        """Return the state of the consent."""
        # RFC 7675 section 5.1: after 30 s without an answer sending must stop.
        if self.withdrawn or now >= self._answered_at + self._timing.consent_expiry:
            return ConsentState.EXPIRED
        if now >= self._silent_at():
            return ConsentState.SILENT
        return ConsentState.FRESH

    def next_deadline(self, now: MonotonicTime) -> MonotonicTime:
        """Return the time at which the state may change, or the next check is due."""
        times = [self._next_check, self._answered_at + self._timing.consent_expiry]
        if self.state(now) is ConsentState.SILENT:
            # A datagram ends the silence; polling for it is cheaper than a callback per datagram.
            times.append(now + self._timing.consent_grace / 2)
        else:
            times.append(self._silent_at())
        return min(times)

    def _silent_at(self) -> MonotonicTime:
        if self._unanswered_since is None:
            return float("inf")
        return max(
            self._unanswered_since + self._timing.consent_grace,
            self._received_at + self._timing.silence,
        )

    def _interval(self) -> Seconds:
        # RFC 7675 section 5.1: randomised from 0.8 to 1.2 times, against synchronisation.
        return self._timing.consent_interval * (0.8 + 0.4 * self._random())
