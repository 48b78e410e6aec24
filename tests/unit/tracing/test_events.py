"""Trace sinks get data only where they want it."""

from __future__ import annotations

from dataclasses import replace

from peer.times import UnixTime
from peer.tracing.events import (
    Datagram,
    DatagramKind,
    Direction,
    Failed,
    Fanout,
    TraceEvent,
    wants_data,
)

FAILED = Failed(time=UnixTime(1.0), sentence="why")
FIRST = Datagram(
    time=UnixTime(1.0), direction=Direction.OUT, kind=DatagramKind.SRTP, size=3, data=b"\x80ab"
)
LATER = replace(FIRST, time=UnixTime(2.0), repeated=True)


class Capture:
    """A sink that wants data."""

    wants_data = True

    def __init__(self) -> None:
        self.events: list[TraceEvent] = []

    def __call__(self, event: TraceEvent) -> None:
        self.events.append(event)


def test_plain_function_as_trace_sink_wants_no_data() -> None:
    assert not wants_data(print)
    assert not Fanout(print).wants_data


def test_fanout_gives_data_only_to_sinks_that_want_it() -> None:
    plain: list[TraceEvent] = []
    capture = Capture()
    fanout = Fanout(plain.append, capture)
    assert wants_data(fanout)
    for event in (FAILED, FIRST, LATER):
        fanout(event)
    assert capture.events == [FAILED, FIRST, LATER]
    assert plain == [FAILED, replace(FIRST, data=b"")]
