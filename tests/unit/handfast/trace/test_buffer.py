from __future__ import annotations

from handfast.trace.buffer import TraceBuffer
from peer.times import UnixTime
from peer.tracing.events import Datagram, DatagramKind, Direction, Failed, TraceEvent


def check(number: int) -> TraceEvent:
    return Datagram(
        time=UnixTime(float(number)),
        direction=Direction.OUT,
        kind=DatagramKind.STUN_REQUEST,
        size=number,
    )


def test_events_are_kept_in_their_order() -> None:
    recording = TraceBuffer()
    events = [
        check(0),
        Failed(time=UnixTime(1.0), sentence="one"),
        check(2),
        Failed(time=UnixTime(3.0), sentence="3"),
    ]
    for event in events:
        recording(event)

    assert recording.events == events


def test_an_hour_of_checks_takes_no_place_of_what_was_decided() -> None:
    recording = TraceBuffer()
    for number in range(5_000):
        recording(check(number))
        if number % 100 == 0:
            recording(Failed(time=UnixTime(float(number)), sentence=str(number)))

    events = recording.events
    assert len([event for event in events if isinstance(event, Failed)]) == 50
    assert [event for event in events if isinstance(event, Datagram)][-1] == check(4_999)
    assert len(events) < 500
