"""Delays encoded frames in front of the decoder, so that they leave at an even pace. PURE."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from typing import TYPE_CHECKING

from peer.rtp.decode_order import DecodeOrder
from peer.rtp_parameters import MediaKind
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.times import MonotonicTime, Seconds

#: Largest target delay in seconds that jitter alone may cause (ours).
ADAPTIVE_LIMIT = 1.0
#: Largest target delay in seconds that may be asked for (W3C jitterBufferTarget).
ASKED_LIMIT = 4.0
#: Target delay in seconds without jitter: for the lateness of timers (ours).
LEAST = 0.01
#: Time constant in seconds with which the target delay follows less jitter (ours).
FALL_TIME = 1.0

#: Seconds over which the delay of frames is observed (ours).
WINDOW = 3.0
#: Seconds over which the fastest frame is remembered (ours).
BASE_WINDOW = 10.0
#: The target playout delay covers 95% of frames; rarer late ones are not worth waiting for (ours).
PERCENTILE = 95
#: Limit of the frames that are observed within a window (ours).
SAMPLE_LIMIT = 512
#: Bytes of the frames that wait (ours): four seconds at 64 Mbit/s.
SIZE_LIMIT = 32 * 1024 * 1024
#: Difference in seconds from which on delays of frames count as unrelated (ours).
LEAP = 3.0


class PlayoutDelayEstimator:
    """Estimates the playout delay that covers the network jitter of 95% of frames.

    The delay of a frame is its arrival less its presentation time; the least of them is the base.

    Attributes:
        base: Least delay of about the last ten seconds, in seconds. Both clocks differ, so that it
            means nothing by itself.
    """

    __slots__ = ("_base_since", "_delays", "_next_base", "_sorted", "base")

    def __init__(self) -> None:
        self.base: Seconds = 0.0
        self._next_base = 0.0
        self._base_since = -math.inf
        self._delays: deque[tuple[MonotonicTime, Seconds]] = deque()
        self._sorted: list[Seconds] = []

    def add(self, *, delay: Seconds, now: MonotonicTime) -> Seconds:
        """Take the delay of a frame.

        Returns:
            Its lateness: seconds above the base.
        """
        if self._base_since == -math.inf or abs(delay - self.base) > LEAP:
            self._restart(delay=delay, now=now)
        # Two halves: the least of the present one takes over, so that a longer path or a clock
        # that runs slower is noticed.
        if now - self._base_since >= BASE_WINDOW / 2:
            self.base, self._next_base, self._base_since = self._next_base, delay, now
        self._next_base = min(self._next_base, delay)
        self.base = min(self.base, delay)
        self._expire(now)
        insort(self._sorted, delay)
        self._delays.append((now, delay))
        return delay - self.base

    def estimate(self) -> Seconds:
        """The playout delay that covers 95% of frames, in seconds; 0 without frames."""
        if not self._sorted:
            return 0.0
        at = (len(self._sorted) - 1) * PERCENTILE // 100
        return max(0.0, self._sorted[at] - self.base)

    def clear(self) -> None:
        """Forget all delays and the base."""
        self._delays.clear()
        self._sorted.clear()
        self._base_since = -math.inf

    def _restart(self, *, delay: Seconds, now: MonotonicTime) -> None:
        self.clear()
        self.base = self._next_base = delay
        self._base_since = now

    def _expire(self, now: MonotonicTime) -> None:
        delays = self._delays
        while delays and (delays[0][0] < now - WINDOW or len(delays) >= SAMPLE_LIMIT):
            _, delay = delays.popleft()
            del self._sorted[bisect_left(self._sorted, delay)]


@dataclass(frozen=True, slots=True, kw_only=True)
class JitterBufferStatistics:
    """The counts of a jitter buffer so far (W3C webrtc-stats section 8.3).

    Args:
        delay: Seconds that frames waited, summed over the frames (jitterBufferDelay).
        target_delay: Target delay at each of them, summed (jitterBufferTargetDelay).
        emitted: Frames given (jitterBufferEmittedCount).
        late: Frames among these that came after the time they were due.
        dropped: Frames dropped as the buffer was full, or cleared.
    """

    delay: Seconds = 0.0
    target_delay: Seconds = 0.0
    emitted: int = 0
    late: int = 0
    dropped: int = 0


class JitterBuffer:
    """Takes frames in order, and gives them at an even pace, with the least delay for the jitter.

    The target delay rises at once with the jitter of the last three seconds, and falls slower, but
    is back after ten. A frame that comes after its time is given at once. B-frames are given in the
    order in which they come, at the times at which they are decoded.

    Args:
        limit: In frames; beyond it, or beyond `SIZE_LIMIT` bytes, the oldest is dropped, and the
            next has `gap`.
    """

    __slots__ = (
        "_adaptive_target",
        "_asked",
        "_delay",
        "_dropped",
        "_emitted",
        "_estimator",
        "_frames",
        "_late",
        "_limit",
        "_maximum",
        "_minimum",
        "_order",
        "_pushed_at",
        "_size",
        "_target_delay",
    )

    def __init__(self, *, limit: int = 256) -> None:
        self._limit = limit
        self._estimator = PlayoutDelayEstimator()
        self._order: DecodeOrder[float] = DecodeOrder()
        # Each with the time at which it would leave without a target delay.
        self._frames: deque[tuple[EncodedFrame, MonotonicTime]] = deque()
        self._size = 0
        self._adaptive_target = LEAST
        self._pushed_at = 0.0
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

    def __repr__(self) -> str:
        return f"<JitterBuffer frames={len(self)} target={self.target:.3f} s>"

    @property
    def deadline(self) -> MonotonicTime | None:
        """Time at which `pop` gives the next frame; None where none waits."""
        return self._due(self._frames[0][1]) if self._frames else None

    @property
    def target(self) -> Seconds:
        """The target delay, in seconds: the wait of the fastest frame."""
        return min(max(self._adaptive_target, self._asked, self._minimum), self._maximum)

    @property
    def minimum(self) -> Seconds:
        """Least target delay in seconds (W3C jitterBufferTarget); 0 to 4, 0 at first."""
        return self._asked

    @minimum.setter
    def minimum(self, seconds: Seconds) -> None:
        self._asked = min(max(seconds, 0.0), ASKED_LIMIT)

    @property
    def statistics(self) -> JitterBufferStatistics:
        """The counts of the buffer so far."""
        return JitterBufferStatistics(
            delay=self._delay,
            target_delay=self._target_delay,
            emitted=self._emitted,
            late=self._late,
            dropped=self._dropped,
        )

    def set_bounds(self, *, minimum: Seconds, maximum: Seconds) -> None:
        """Bound the target delay as the sender asks by the playout-delay extension."""
        self._minimum = min(max(minimum, 0.0), ASKED_LIMIT)
        self._maximum = min(max(maximum, self._minimum), ASKED_LIMIT)

    def push(self, frame: EncodedFrame, now: MonotonicTime) -> None:
        """Take the next frame in the order of decoding."""
        time = frame.pts / frame.codec.clock_rate
        if frame.codec.kind is MediaKind.VIDEO:
            time = self._decoding_time(time)
        self._estimator.add(delay=now - time, now=now)
        target = min(max(LEAST, self._estimator.estimate()), ADAPTIVE_LIMIT)
        if target < self._adaptive_target:
            elapsed = max(0.0, now - self._pushed_at)
            target += (self._adaptive_target - target) * math.exp(-elapsed / FALL_TIME)
        self._adaptive_target = target
        self._pushed_at = now
        self._size += len(frame.payload)
        while self._frames and (len(self._frames) >= self._limit or self._size > SIZE_LIMIT):
            self._drop_oldest()
        self._frames.append((frame, self._estimator.base + time))

    def pop(self, now: MonotonicTime) -> list[EncodedFrame]:
        """The frames that are due, the oldest first."""
        frames, due = self._frames, []
        target = self.target
        while frames and (at := self._due(frames[0][1])) <= now:
            frame, _ = frames.popleft()
            self._size -= len(frame.payload)
            due.append(frame)
            self._emitted += 1
            self._delay += max(0.0, now - frame.arrival)
            self._target_delay += target
            if frame.arrival > at:
                self._late += 1
        return due

    def clear(self) -> None:
        """Drop the frames that wait, and estimate the delay anew."""
        self._dropped += len(self._frames)
        self._frames.clear()
        self._size = 0
        self._estimator.clear()
        self._order = DecodeOrder()

    def _decoding_time(self, shown: Seconds) -> Seconds:
        order = self._order
        depth = order.depth
        order.add(shown)
        if order.depth != depth:
            # All times are earlier by a picture or two from now on.
            self._estimator.clear()
        return order.decoded()

    def _due(self, earliest: MonotonicTime) -> MonotonicTime:
        return earliest + self.target

    def _drop_oldest(self) -> None:
        dropped, _ = self._frames.popleft()
        self._size -= len(dropped.payload)
        self._dropped += 1
        if self._frames:
            frame, earliest = self._frames.popleft()
            self._frames.appendleft((replace(frame, gap=True), earliest))
