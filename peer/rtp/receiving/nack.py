"""Tracks missing RTP packets and says when to send NACK for them (RFC 4585 section 6.2.1). PURE."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: Limit of the missing packets that one stream tracks (ours).
MISSING_LIMIT = 512
#: Limit of the requests for one packet (libwebrtc: 10).
TRIES_LIMIT = 10
#: Round-trip time in seconds before one was measured (libwebrtc: 0.1).
DEFAULT_ROUND_TRIP_TIME = 0.1
#: Largest round-trip time in seconds that is believed: a peer may influence the measurement (ours).
ROUND_TRIP_TIME_LIMIT = 2.0
#: Least seconds between two requests for one packet (ours).
_REPEAT_INTERVAL = 0.03
#: Seconds beyond the round trip before a request is repeated (ours).
_REPEAT_MARGIN = 0.01
#: Requests due within so many seconds go out in one NACK (ours).
_BATCH_INTERVAL = 0.002
#: Largest delay in seconds of the first request for the sake of reordered packets (ours).
_REORDERING_LIMIT = 0.1
_NEVER = float("inf")

#: Seconds for which `ReorderingWait` keeps a larger wait before it decays (ours).
HOLD_TIME = 2.0
#: Time constant in seconds of the decay: after 10 s less than a hundredth is left (ours).
DECAY_TIME = 1.5
#: Factor of the observed lateness that is waited (ours).
_SAFETY_FACTOR = 1.5
#: Seconds that are waited beyond it (ours).
_WAIT_MARGIN = 0.005


class ReorderingWait:
    """The seconds to wait for a missing packet: grows with observed lateness, then decays.

    Args:
        minimum: Seconds while no packet came late.
        maximum: Upper bound, in seconds.
    """

    __slots__ = ("_learned_at", "_value", "maximum", "minimum")

    def __init__(self, *, minimum: Seconds, maximum: Seconds) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self._value = 0.0
        self._learned_at = 0.0

    def learn(self, *, lateness: Seconds, now: MonotonicTime) -> None:
        """Raise the wait for a packet that came `lateness` seconds after it was missed."""
        value = min(self.maximum, lateness * _SAFETY_FACTOR + _WAIT_MARGIN)
        if value >= self.value(now):
            self._value = value
            self._learned_at = now

    def value(self, now: MonotonicTime) -> Seconds:
        """The present wait, in seconds."""
        value, minimum = self._value, self.minimum
        if value <= minimum:
            return minimum
        decaying = now - self._learned_at - HOLD_TIME
        if decaying <= 0.0:
            return value
        return minimum + (value - minimum) * math.exp(-decaying / DECAY_TIME)


class _MissingPacket:
    __slots__ = ("due", "requested_at", "since", "tries")

    def __init__(self, *, since: MonotonicTime, due: MonotonicTime) -> None:
        self.since = since
        self.due = due
        self.requested_at = 0.0
        self.tries = 0


class NackTracker:
    """The missing sequence numbers of one SSRC, and when to request each.

    As in libwebrtc a packet is requested at once and again after each round trip. Where packets
    came out of order lately, the first request waits as long as those were late, since most
    missing packets then need no retransmission.

    Args:
        enabled: True where the peer agreed to NACK; otherwise nothing is requested.

    Attributes:
        enabled: As given; may change with the payload type.
        due: Time of the next request; infinite for none.
        round_trip_time: In seconds, as set or as measured by retransmissions.
    """

    __slots__ = (
        "_deviation",
        "_is_round_trip_set",
        "_missing",
        "_reordering",
        "due",
        "enabled",
        "round_trip_time",
    )

    def __init__(self, *, enabled: bool) -> None:
        self._missing: dict[int, _MissingPacket] = {}
        self._reordering = ReorderingWait(minimum=0.0, maximum=_REORDERING_LIMIT)
        self.enabled = enabled
        self.due: MonotonicTime = _NEVER
        self.round_trip_time: Seconds = DEFAULT_ROUND_TRIP_TIME
        self._deviation = DEFAULT_ROUND_TRIP_TIME / 16
        self._is_round_trip_set = False

    def __len__(self) -> int:
        return len(self._missing)

    def __repr__(self) -> str:
        return f"<NackTracker missing={len(self)} round_trip_time={self.round_trip_time:.3f} s>"

    def set_round_trip_time(self, seconds: Seconds) -> None:
        """Use a measured round-trip time; retransmissions do not change it any more."""
        self.round_trip_time = min(max(seconds, 0.0), ROUND_TRIP_TIME_LIMIT)
        self._is_round_trip_set = True

    def add(self, *, first: int, end: int, now: MonotonicTime) -> None:
        """Track the extended sequence numbers from `first` to before `end` as missing."""
        due = now + self._reordering.value(now) if self.enabled else _NEVER
        missing = self._missing
        for extended in range(first, end):
            missing[extended] = _MissingPacket(since=now, due=due)
        if due < self.due:
            self.due = due

    def missing_since(self, extended: int) -> MonotonicTime | None:
        """Time at which a packet was found missing; None where it is not missing."""
        packet = self._missing.get(extended)
        return None if packet is None else packet.since

    def received(
        self, extended: int, now: MonotonicTime, *, retransmitted: bool | None
    ) -> Seconds | None:
        """Stop tracking a packet that came, and learn from its delay.

        Args:
            extended: Its extended sequence number.
            now: Its arrival.
            retransmitted: Whether it is a retransmission; None where that cannot be told.

        Returns:
            Its lateness in seconds; None where it was not missing.
        """
        packet = self._missing.pop(extended, None)
        if packet is None:
            return None
        lateness = now - packet.since
        since_request = now - packet.requested_at
        if retransmitted is None:
            retransmitted = packet.tries > 0 and since_request > self.round_trip_time / 2
        if not retransmitted:
            self._reordering.learn(lateness=lateness, now=now)
        elif packet.tries == 1:
            # As with TCP (RFC 6298 section 3), an answer to a second request measures nothing.
            error = since_request - self.round_trip_time
            self._deviation += (abs(error) - self._deviation) / 4
            if not self._is_round_trip_set:
                self.round_trip_time += error / 4
        if not self._missing:
            self.due = _NEVER
        return lateness

    def forget(self, *, first: int, end: int) -> None:
        """Give up the extended sequence numbers from `first` to before `end`."""
        for extended in range(first, end):
            self._missing.pop(extended, None)
        if not self._missing:
            self.due = _NEVER

    def clear(self) -> None:
        """Give up all missing packets."""
        self._missing.clear()
        self.due = _NEVER

    def take_due(self, now: MonotonicTime) -> tuple[int, ...]:
        """The 16-bit sequence numbers to request now; each counts as requested."""
        if now < self.due:
            return ()
        soon = now + _BATCH_INTERVAL
        repeat = now + max(
            _REPEAT_INTERVAL, self.round_trip_time + max(4 * self._deviation, _REPEAT_MARGIN)
        )
        requested: list[int] = []
        earliest = _NEVER
        for extended, packet in self._missing.items():
            if packet.due <= soon:
                requested.append(extended & 0xFFFF)
                packet.requested_at = now
                packet.tries += 1
                packet.due = repeat if packet.tries < TRIES_LIMIT else _NEVER
            earliest = min(earliest, packet.due)
        self.due = earliest
        return tuple(requested)
