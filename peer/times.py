"""Types of times and durations, so that a signature says which clock a number is of.

mypy refuses a monotonic time where a `UnixTime` is asked for. `MonotonicTime` and `Seconds` are
names only: pure cores take them as arguments, and tests give plain numbers.
"""

from __future__ import annotations

from typing import NewType, TypeAlias

#: Seconds of a duration.
Seconds: TypeAlias = float
#: Seconds of the event loop's clock (`time.monotonic`): for deadlines, arrival, pacing.
MonotonicTime: TypeAlias = float
#: Seconds since 1970 (`time.time`): for NTP, capture times, trace events.
UnixTime = NewType("UnixTime", float)
