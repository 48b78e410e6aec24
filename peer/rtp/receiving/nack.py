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
#: Limit of the packets that came after a request, of which another copy may follow (ours).
_ANSWERED_LIMIT = 64
#: Seconds beyond the round trip within which an answer comes (ours).
_ANSWER_MARGIN = 0.03
#: Weight of the default round trip for each request that is left out as its answer would be late:
#: after some of these the peer is asked again, as the path may have become shorter (ours).
_FORGETTING = 1 / 16
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
    __slots__ = ("copied", "due", "requested_at", "since", "tries")

    def __init__(self, *, since: MonotonicTime, due: MonotonicTime) -> None:
        self.since = since
        self.due = due
        self.copied = False
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
        repeats: True where packets are sent again as they were, without RTX.
        due: Time of the next request; infinite for none.
        patience: Seconds from missing until a packet is given up: none is requested whose answer
            would come later.
        round_trip_time: In seconds, as set or as measured by retransmissions.
    """

    __slots__ = (
        "_answered",
        "_deviation",
        "_is_round_trip_set",
        "_missing",
        "_reordering",
        "due",
        "enabled",
        "patience",
        "repeats",
        "round_trip_time",
    )

    def __init__(self, *, enabled: bool) -> None:
        self._missing: dict[int, _MissingPacket] = {}
        # By extended sequence number: seconds that it was late, and when it was requested.
        self._answered: dict[int, tuple[Seconds, MonotonicTime]] = {}
        self._reordering = ReorderingWait(minimum=0.0, maximum=_REORDERING_LIMIT)
        self.enabled = enabled
        self.repeats = False
        self.due: MonotonicTime = _NEVER
        self.patience: Seconds = _NEVER
        self.round_trip_time: Seconds = DEFAULT_ROUND_TRIP_TIME
        self._deviation = DEFAULT_ROUND_TRIP_TIME / 16
        self._is_round_trip_set = False

    def __len__(self) -> int:
        return len(self._missing)

    def __repr__(self) -> str:
        return f"<NackTracker missing={len(self)} round_trip_time={self.round_trip_time:.3f} s>"

    @property
    def answer_time(self) -> Seconds:
        """Seconds within which a request is answered, if neither is lost."""
        return self.round_trip_time * 1.5 + _ANSWER_MARGIN

    @property
    def second_answer_time(self) -> Seconds:
        """Seconds within which a packet comes that has to be requested twice."""
        return self._repeat_interval + self.round_trip_time + _ANSWER_MARGIN

    @property
    def _repeat_interval(self) -> Seconds:
        margin = max(4 * self._deviation, _REPEAT_MARGIN)
        return max(_REPEAT_INTERVAL, self.round_trip_time + margin)

    def reordering_wait(self, now: MonotonicTime) -> Seconds:
        """The seconds by which packets come late that nobody requested, with some more."""
        return self._reordering.value(now)

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

    def leave(self, extended: int) -> None:
        """Do not request a missing packet, as the one behind it has a copy that serves."""
        packet = self._missing.get(extended)
        if packet is not None:
            packet.copied, packet.due = True, _NEVER

    def is_left(self, extended: int) -> bool:
        """True for a missing packet that is not requested, as of `leave`."""
        packet = self._missing.get(extended)
        return packet is not None and packet.copied

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
            retransmitted = packet.tries > 0 and since_request > self._answer_after
            if self.repeats and packet.tries == 1:
                self._expect_again(extended, lateness=lateness, requested_at=packet.requested_at)
        if not retransmitted:
            self._reordering.learn(lateness=lateness, now=now)
        elif packet.tries == 1:
            # As with TCP (RFC 6298 section 3), an answer to a second request measures nothing.
            self._measure(since_request)
        if not self._missing:
            self.due = _NEVER
        return lateness

    def received_late(self, lateness: Seconds) -> None:
        """Learn from a packet that had been given up: its answer took longer than was known."""
        if lateness > self.round_trip_time:
            self._measure(min(lateness, ROUND_TRIP_TIME_LIMIT))

    def received_again(self, extended: int, now: MonotonicTime) -> None:
        """Learn from a packet that came before: of both that look alike, this one is the answer."""
        answered = self._answered.pop(extended, None)
        if answered is not None:
            lateness, requested_at = answered
            self._reordering.learn(lateness=lateness, now=now)
            self._measure(now - requested_at)

    def _expect_again(
        self, extended: int, *, lateness: Seconds, requested_at: MonotonicTime
    ) -> None:
        answered = self._answered
        answered[extended] = lateness, requested_at
        if len(answered) > _ANSWERED_LIMIT:
            del answered[next(iter(answered))]

    def _measure(self, seconds: Seconds) -> None:
        error = seconds - self.round_trip_time
        self._deviation += (abs(error) - self._deviation) / 4
        if not self._is_round_trip_set:
            self.round_trip_time += error / 4

    @property
    def _answer_after(self) -> Seconds:
        # A guess is no bound. Should it be the packet itself that is late, its answer follows.
        is_guess = self.repeats and not self._is_round_trip_set
        return 0.0 if is_guess else self.round_trip_time / 2

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
        repeat = now + self._repeat_interval
        in_time = now + self.round_trip_time - self.patience
        requested: list[int] = []
        earliest = _NEVER
        for extended, packet in self._missing.items():
            if packet.due <= soon and packet.since < in_time:
                packet.due = _NEVER
                if not packet.tries and not self._is_round_trip_set:
                    error = DEFAULT_ROUND_TRIP_TIME - self.round_trip_time
                    self.round_trip_time += error * _FORGETTING
            elif packet.due <= soon:
                requested.append(extended & 0xFFFF)
                packet.requested_at = now
                packet.tries += 1
                packet.due = repeat if packet.tries < TRIES_LIMIT else _NEVER
            earliest = min(earliest, packet.due)
        self.due = earliest
        return tuple(requested)
