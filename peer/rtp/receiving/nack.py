"""Owns which packets are missing, and when to ask for them again (RFC 4585 section 6.2.1)."""

from __future__ import annotations

import math

#: Packets that are remembered as missing.
MISSING_LIMIT = 512
#: How often one is asked for.
TRIES_LIMIT = 10
#: Seconds, before one was told or measured.
DEFAULT_ROUND_TRIP = 0.1
#: The most that is believed: who measures it may have asked the peer.
ROUND_TRIP_LIMIT = 2.0
#: The least seconds between asking for a packet and asking again.
_AGAIN = 0.03
_MARGIN = 0.01
#: What is due within so many seconds is asked for together.
_TOGETHER = 0.002
#: The most seconds that a packet may be out of order before it is asked for.
_REORDERING = 0.1
_NEVER = float("inf")
#: Seconds for which what was learnt stands, and the time constant with which it then fades: after
#: 10 s less than a hundredth of it is left.
STANDS = 2.0
FADES = 1.5
#: By how much more than the lateness seen.
_SAFETY = 1.5
_WAIT_MARGIN = 0.005


class ReorderingWait:
    """Seconds between a least and a most, that follow how late packets came after all.

    Args:
        least: Where none came late.
        most: Whatever came.
    """

    __slots__ = ("_at", "_value", "least", "most")

    def __init__(self, least: float, most: float) -> None:
        self.least = least
        self.most = most
        self._value = 0.0
        self._at = 0.0

    def learn(self, lateness: float, now: float) -> None:
        """A packet came that many seconds after it was missed."""
        value = min(self.most, lateness * _SAFETY + _WAIT_MARGIN)
        if value >= self.value(now):
            self._value = value
            self._at = now

    def value(self, now: float) -> float:
        """The present one."""
        value, least = self._value, self.least
        if value <= least:
            return least
        calm = now - self._at - STANDS
        if calm <= 0.0:
            return value
        return least + (value - least) * math.exp(-calm / FADES)


class _Missed:
    __slots__ = ("asked", "due", "since", "tries")

    def __init__(self, since: float, due: float) -> None:
        self.since = since
        self.due = due
        self.asked = 0.0
        self.tries = 0


class NackTracker:
    """The numbers that were skipped and may come yet.

    libwebrtc asks at once, and again after each round trip. So do we; but where packets came out
    of order lately, we wait as long as they were late, as most of them need no repair.

    Args:
        asks: Whether the peer agreed to NACK.

    Attributes:
        due: When to ask next, in seconds; infinite for never.
        round_trip: In seconds, told or measured by what came back.
    """

    __slots__ = ("_deviation", "_missed", "_reordering", "_told", "asks", "due", "round_trip")

    def __init__(self, *, asks: bool) -> None:
        self._missed: dict[int, _Missed] = {}
        self._reordering = ReorderingWait(0.0, _REORDERING)
        self.asks = asks
        self.due = _NEVER
        self.round_trip = DEFAULT_ROUND_TRIP
        self._deviation = DEFAULT_ROUND_TRIP / 16
        self._told = False

    def __len__(self) -> int:
        return len(self._missed)

    def tell(self, round_trip: float) -> None:
        """Somebody measured the round trip, in seconds; repairs do not change it any more."""
        self.round_trip = min(max(round_trip, 0.0), ROUND_TRIP_LIMIT)
        self._told = True

    def note(self, first: int, end: int, now: float) -> None:
        """The numbers from `first` to before `end` were skipped."""
        due = now + self._reordering.value(now) if self.asks else _NEVER
        missed = self._missed
        for number in range(first, end):
            missed[number] = _Missed(now, due)
        if due < self.due:
            self.due = due

    def since(self, number: int) -> float | None:
        """When it was missed; None where it is not missing."""
        missed = self._missed.get(number)
        return None if missed is None else missed.since

    def came(self, number: int, now: float, *, repaired: bool | None) -> float | None:
        """A missing packet came.

        Args:
            number: Its extended one.
            now: In seconds.
            repaired: Whether it was sent again; None where that cannot be told.

        Returns:
            The seconds that it was late; None where it was not missing.
        """
        missed = self._missed.pop(number, None)
        if missed is None:
            return None
        lateness = now - missed.since
        since_asked = now - missed.asked
        if repaired is None:
            repaired = missed.tries > 0 and since_asked > self.round_trip / 2
        if not repaired:
            self._reordering.learn(lateness, now)
        elif missed.tries == 1:
            # As with TCP (RFC 6298 section 3), an answer to a second question tells nothing.
            error = since_asked - self.round_trip
            self._deviation += (abs(error) - self._deviation) / 4
            if not self._told:
                self.round_trip += error / 4
        if not self._missed:
            self.due = _NEVER
        return lateness

    def forget(self, first: int, end: int) -> None:
        """The numbers from `first` to before `end` are given up."""
        for number in range(first, end):
            self._missed.pop(number, None)
        if not self._missed:
            self.due = _NEVER

    def clear(self) -> None:
        """Nothing is missing any more."""
        self._missed.clear()
        self.due = _NEVER

    def take(self, now: float) -> tuple[int, ...]:
        """The numbers to ask for now, of 16 bits."""
        if now < self.due:
            return ()
        soon = now + _TOGETHER
        again = now + max(_AGAIN, self.round_trip + max(4 * self._deviation, _MARGIN))
        asked: list[int] = []
        least = _NEVER
        for number, missed in self._missed.items():
            if missed.due <= soon:
                asked.append(number & 0xFFFF)
                missed.asked = now
                missed.tries += 1
                missed.due = again if missed.tries < TRIES_LIMIT else _NEVER
            least = min(least, missed.due)
        self.due = least
        return tuple(asked)
