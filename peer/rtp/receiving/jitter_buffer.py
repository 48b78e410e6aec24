"""Owns `JitterBuffer`: how long frames wait in front of the decoder, so that they go on evenly."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame


#: Seconds. What jitter alone may make of the delay, and what may be asked for (W3C).
ADAPTIVE_LIMIT = 1.0
ASKED_LIMIT = 4.0
#: The delay of a network without jitter, for what timers are late.
LEAST = 0.01
#: The time constant, in seconds, with which the target follows jitter that became less.
FALLS = 1.0
#: Seconds over which lateness is looked at, and over which the fastest frame is remembered.
WINDOW = 3.0
BASE_WINDOW = 10.0
#: Of so many frames in 100 the lateness is not more. Rare late ones are not worth waiting for.
PERCENTILE = 95
#: Frames within a window that are remembered.
SAMPLE_LIMIT = 512
#: Frames that differ by more than these seconds have nothing to do with each other.
LEAP = 3.0


class PlayoutDelayEstimator:
    """The delay of each frame, arrival less presentation time, against the least of them.

    Attributes:
        base: The least delay of the last ten seconds or so, in seconds; the clocks differ, so that
            it means nothing by itself.
    """

    __slots__ = ("_arrivals", "_changed", "_next", "_sorted", "base")

    def __init__(self) -> None:
        self.base = 0.0
        self._next = 0.0
        self._changed = -math.inf
        self._arrivals: deque[tuple[float, float]] = deque()
        self._sorted: list[float] = []

    def add(self, delay: float, now: float) -> float:
        """Take the delay of a frame; returns how late it is, in seconds."""
        if self._changed == -math.inf or abs(delay - self.base) > LEAP:
            self._begin(delay, now)
        # Two halves: the least of the present one takes over, so that a longer way or a clock that
        # runs slower is noticed.
        if now - self._changed >= BASE_WINDOW / 2:
            self.base, self._next, self._changed = self._next, delay, now
        self._next = min(self._next, delay)
        self.base = min(self.base, delay)
        self._expire(now)
        insort(self._sorted, delay)
        self._arrivals.append((now, delay))
        return delay - self.base

    def percentile(self) -> float:
        """Seconds of lateness that few frames exceed; 0 without frames."""
        if not self._sorted:
            return 0.0
        at = (len(self._sorted) - 1) * PERCENTILE // 100
        return max(0.0, self._sorted[at] - self.base)

    def clear(self) -> None:
        """Learn anew."""
        self._arrivals.clear()
        self._sorted.clear()
        self._changed = -math.inf

    def _begin(self, delay: float, now: float) -> None:
        self.clear()
        self.base = self._next = delay
        self._changed = now

    def _expire(self, now: float) -> None:
        arrivals = self._arrivals
        while arrivals and (arrivals[0][0] < now - WINDOW or len(arrivals) >= SAMPLE_LIMIT):
            _, delay = arrivals.popleft()
            del self._sorted[bisect_left(self._sorted, delay)]


@dataclass(frozen=True, slots=True, kw_only=True)
class JitterBufferStatistics:
    """What waiting before the decoder cost so far (W3C webrtc-stats section 8.3).

    Args:
        delay: Seconds that frames spent waiting, summed over the frames (jitterBufferDelay).
        target_delay: The target at each of them, summed (jitterBufferTargetDelay).
        emitted: Frames given (jitterBufferEmittedCount).
        late: Those of them that came after the time they were due.
        dropped: Frames that were not fetched in time.
    """

    delay: float = 0.0
    target_delay: float = 0.0
    emitted: int = 0
    late: int = 0
    dropped: int = 0


class JitterBuffer:
    """Frames in, in order; out at an even pace, with as little delay as the jitter allows. Pure.

    The target rises at once with the jitter of the last three seconds, and falls slower, but is
    back after ten. A frame that comes after its time is given at once.

    Args:
        limit: In frames; beyond it the oldest is dropped, and the next has `gap`.
    """

    __slots__ = (
        "_asked",
        "_delay",
        "_dropped",
        "_emitted",
        "_frames",
        "_late",
        "_lateness",
        "_limit",
        "_maximum",
        "_minimum",
        "_pushed",
        "_target",
        "_target_delay",
    )

    def __init__(self, *, limit: int = 256) -> None:
        self._limit = limit
        self._lateness = PlayoutDelayEstimator()
        # Each with the time at which it would be given if it did not have to wait.
        self._frames: deque[tuple[EncodedFrame, float]] = deque()
        self._target = LEAST
        self._pushed = 0.0
        self._asked = 0.0
        self._minimum = 0.0
        self._maximum = ASKED_LIMIT
        self._delay = 0.0
        self._target_delay = 0.0
        self._emitted = 0
        self._late = 0
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def deadline(self) -> float | None:
        """When `pop` gives the next frame; None where there is none."""
        return self._due(self._frames[0][1]) if self._frames else None

    @property
    def target(self) -> float:
        """Seconds that a frame waits which came as fast as any."""
        return min(max(self._target, self._asked, self._minimum), self._maximum)

    @property
    def minimum(self) -> float:
        """Seconds that are waited at least (W3C jitterBufferTarget); 0 to 4, 0 at first."""
        return self._asked

    @minimum.setter
    def minimum(self, seconds: float) -> None:
        self._asked = min(max(seconds, 0.0), ASKED_LIMIT)

    @property
    def statistics(self) -> JitterBufferStatistics:
        """So far."""
        return JitterBufferStatistics(
            delay=self._delay,
            target_delay=self._target_delay,
            emitted=self._emitted,
            late=self._late,
            dropped=self._dropped,
        )

    def bound(self, minimum: float, maximum: float) -> None:
        """What the sender asks for by the playout-delay extension, in seconds."""
        self._minimum = min(max(minimum, 0.0), ASKED_LIMIT)
        self._maximum = min(max(maximum, self._minimum), ASKED_LIMIT)

    def push(self, frame: EncodedFrame, now: float) -> None:
        """Take a frame, later than all that were taken before."""
        time = frame.pts / frame.codec.clock_rate
        self._lateness.add(now - time, now)
        wanted = min(max(LEAST, self._lateness.percentile()), ADAPTIVE_LIMIT)
        if wanted < self._target:
            calm = max(0.0, now - self._pushed)
            wanted += (self._target - wanted) * math.exp(-calm / FALLS)
        self._target = wanted
        self._pushed = now
        if len(self._frames) >= self._limit:
            self._drop_oldest()
        self._frames.append((frame, self._lateness.base + time))

    def pop(self, now: float) -> list[EncodedFrame]:
        """Those that are due, the oldest first."""
        frames, due = self._frames, []
        target = self.target
        while frames and (at := self._due(frames[0][1])) <= now:
            frame, _ = frames.popleft()
            due.append(frame)
            self._emitted += 1
            self._delay += max(0.0, now - frame.arrival)
            self._target_delay += target
            if frame.arrival > at:
                self._late += 1
        return due

    def clear(self) -> None:
        """Drop what waits, and learn the pace anew."""
        self._dropped += len(self._frames)
        self._frames.clear()
        self._lateness.clear()

    def _due(self, earliest: float) -> float:
        return earliest + self.target

    def _drop_oldest(self) -> None:
        self._frames.popleft()
        self._dropped += 1
        if self._frames:
            frame, earliest = self._frames.popleft()
            self._frames.appendleft((replace(frame, gap=True), earliest))
