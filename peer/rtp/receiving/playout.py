"""Owns `Playout`: how long frames wait in front of the decoder, so that they go on evenly."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from peer.rtp.receiving.lateness import Lateness
from peer.rtp.receiving.statistics import PlayoutStatistics

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame

#: Seconds. What jitter alone may make of the delay, and what may be asked for (W3C).
ADAPTIVE_LIMIT = 1.0
ASKED_LIMIT = 4.0
#: The delay of a network without jitter, for what timers are late.
LEAST = 0.01
#: The time constant, in seconds, with which the target follows jitter that became less.
FALLS = 1.0


class Playout:
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
        self._lateness = Lateness()
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
    def statistics(self) -> PlayoutStatistics:
        """So far."""
        return PlayoutStatistics(
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
