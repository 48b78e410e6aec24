from __future__ import annotations

from peer.transport.dtls.held import Arrival, Gate, Held
from peer.transport.wire.datagrams import DatagramClass
from tests.support.links.secure import Recorder


def arrival(number: int, size: int = 1) -> Arrival:
    return Arrival(DatagramClass.RTP, bytes([number]) * size, number)


def test_the_oldest_go_when_there_are_too_many() -> None:
    held = Held(packets=2)

    assert [held.push(arrival(n)) for n in range(3)] == [0, 0, 1]
    assert [held.pop().arrival for _ in range(len(held))] == [1, 2]


def test_the_oldest_go_when_they_are_too_great() -> None:
    held = Held(size=10)

    assert [held.push(arrival(n, 4)) for n in range(3)] == [0, 0, 1]


def test_one_that_is_greater_than_all_room_is_not_held() -> None:
    held = Held(size=10)
    held.push(arrival(0))

    assert held.push(arrival(1, 11)) == 2
    assert len(held) == 0


def test_a_cleared_queue_has_all_its_room_again() -> None:
    held = Held(size=10)
    held.push(arrival(0, 10))

    held.clear()

    assert held.push(arrival(1, 10)) == 0


def test_an_open_gate_hands_up_at_once() -> None:
    events = Recorder()
    gate = Gate(events)
    gate.open()

    gate.deliver(DatagramClass.RTP, b"rtp", 7)
    gate.deliver(DatagramClass.RTCP, b"rtcp", 8)
    gate.deliver(DatagramClass.DTLS, b"data", 9)

    assert (events.rtp, events.arrivals) == ([b"rtp"], [7])
    assert (events.rtcp, events.data) == ([b"rtcp"], [b"data"])


def test_a_gate_that_is_shut_while_it_opens_hands_up_no_more() -> None:
    events = Recorder()
    gate = Gate(events)
    for number in range(3):
        gate.deliver(*arrival(number))
    events.on_any = gate.shut

    gate.open()

    assert events.arrivals == [0]


def test_a_gate_that_is_open_for_media_holds_data() -> None:
    events = Recorder()
    gate = Gate(events)
    gate.open_for_media()

    gate.deliver(DatagramClass.RTP, b"rtp", 1)
    gate.deliver(DatagramClass.DTLS, b"data", 1)
    gate.deliver(DatagramClass.RTCP, b"rtcp", 1)
    assert (events.rtp, events.rtcp, events.data) == ([b"rtp"], [b"rtcp"], [])

    gate.open()
    assert events.data == [b"data"]


def test_a_gate_that_is_shut_lets_no_media_through_either() -> None:
    events = Recorder()
    gate = Gate(events)
    gate.open_for_media()
    gate.shut()

    gate.deliver(DatagramClass.RTP, b"rtp", 1)
    assert events.rtp == []
