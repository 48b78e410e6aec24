from __future__ import annotations

import logging
import time

import pytest

from peer.tracing.events import Failed, TraceEvent
from peer.tracing.tracer import Tracer, steady_clock
from tests.support.clock.clock import Clock

FIRST, SECOND = (Failed(time=1.0, sentence=sentence) for sentence in ("one", "two"))


def test_events_come_in_order() -> None:
    heard: list[TraceEvent] = []
    Tracer("pc-1", heard.append)(FIRST, SECOND)
    assert heard == [FIRST, SECOND]


def test_the_time_is_that_of_the_clock() -> None:
    clock = Clock(5.0)
    tracer = Tracer("pc-1", print, clock=clock)
    clock.advance(2.5)
    assert tracer.now() == 7.5


def test_the_clock_says_the_time_of_day() -> None:
    assert abs(steady_clock()() - time.time()) < 1.0


def test_a_sink_that_raises_is_reported_once_and_called_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[TraceEvent] = []

    def broken(event: TraceEvent) -> None:
        heard.append(event)
        raise RuntimeError("the disk is full")

    tracer = Tracer("pc-1", broken)
    with caplog.at_level(logging.ERROR):
        tracer(FIRST, SECOND)
        tracer(SECOND)
    assert heard == [FIRST]
    (record,) = caplog.records
    assert record.getMessage() == "[pc-1] the trace sink raised and is called no more"
    assert "the disk is full" in str(record.exc_info)
