from __future__ import annotations

import pytest

from peer.tracing.events import DatagramDropped, TraceEvent
from peer.tracing.tracer import Tracer
from peer.transport.dtls.counters import DROPS, Counters, ReceiveResult
from peer.transport.tap import Drop, Tap
from tests.support.clock.clock import Clock
from tests.support.links.secure import rtp

COUNTED = {
    ReceiveResult.OUT_OF_PLACE: Counters(dropped_unauthentic=1),
    ReceiveResult.UNAUTHENTIC: Counters(dropped_unauthentic=1),
    ReceiveResult.UNEXPECTED: Counters(dropped_unexpected=1),
}


@pytest.mark.parametrize("result", list(ReceiveResult))
def test_dropped_datagram_is_counted_and_traced_by_its_result(result: ReceiveResult) -> None:
    counters = Counters()
    told: list[TraceEvent] = []
    drop = DROPS.get(result)

    if drop is not None:
        tap = Tap("0", Tracer("pc-1", told.append, clock=Clock()))
        counters.count_drop(drop, rtp(1), tap)

    assert counters == COUNTED.get(result, Counters())
    assert len(told) == (result in COUNTED)
    assert all(isinstance(event, DatagramDropped) for event in told)


def test_dropped_datagram_is_counted_without_a_trace() -> None:
    counters = Counters()

    counters.count_drop(Drop.UNAUTHENTIC, rtp(1), None)

    assert counters == Counters(dropped_unauthentic=1)
