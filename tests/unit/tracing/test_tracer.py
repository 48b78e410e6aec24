"""The tracer passes events to the sink of the application, and survives its errors."""

from __future__ import annotations

import logging
import time

import pytest

from peer.times import UnixTime
from peer.tracing.events import Failed, TraceEvent
from peer.tracing.tracer import Tracer, steady_clock
from tests.support.clock.clock import Clock

FIRST, SECOND = (Failed(time=UnixTime(1.0), sentence=sentence) for sentence in ("one", "two"))


def test_tracer_passes_events_in_order() -> None:
    received: list[TraceEvent] = []
    Tracer("pc-1", received.append)(FIRST, SECOND)
    assert received == [FIRST, SECOND]


def test_tracer_time_is_that_of_its_clock() -> None:
    clock = Clock(5.0)
    tracer = Tracer("pc-1", print, clock=clock)
    clock.advance(2.5)
    assert tracer.now() == 7.5


def test_steady_clock_shows_unix_time() -> None:
    assert abs(steady_clock()() - time.time()) < 1.0


def test_trace_sink_that_raises_is_logged_once_and_not_called_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    received: list[TraceEvent] = []

    def broken(event: TraceEvent) -> None:
        received.append(event)
        raise RuntimeError("the disk is full")

    tracer = Tracer("pc-1", broken)
    with caplog.at_level(logging.ERROR):
        tracer(FIRST, SECOND)
        tracer(SECOND)
    assert received == [FIRST]
    (record,) = caplog.records
    assert record.getMessage() == "[pc-1] the trace sink raised and is called no more"
    assert "the disk is full" in str(record.exc_info)
