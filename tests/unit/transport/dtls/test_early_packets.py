from __future__ import annotations

from peer.transport.dtls.early_packets import EarlyPacket, EarlyPacketBuffer, UnverifiedMediaBuffer
from peer.transport.wire.datagrams import DatagramClass
from tests.support.links.secure import Recorder


def arrival(number: int, size: int = 1) -> EarlyPacket:
    return EarlyPacket(DatagramClass.RTP, bytes([number]) * size, number)


def test_the_oldest_go_when_there_are_too_many() -> None:
    buffer = EarlyPacketBuffer(packets=2)

    assert [buffer.push(arrival(n)) for n in range(3)] == [0, 0, 1]
    assert [buffer.pop().arrival for _ in range(len(buffer))] == [1, 2]


def test_the_oldest_go_when_they_are_too_great() -> None:
    buffer = EarlyPacketBuffer(size=10)

    assert [buffer.push(arrival(n, 4)) for n in range(3)] == [0, 0, 1]


def test_one_that_is_greater_than_all_room_is_not_held() -> None:
    buffer = EarlyPacketBuffer(size=10)
    buffer.push(arrival(0))

    assert buffer.push(arrival(1, 11)) == 2
    assert len(buffer) == 0


def test_a_cleared_queue_has_all_its_room_again() -> None:
    buffer = EarlyPacketBuffer(size=10)
    buffer.push(arrival(0, 10))

    buffer.clear()

    assert buffer.push(arrival(1, 10)) == 0


def test_an_open_gate_hands_up_at_once() -> None:
    events = Recorder()
    buffer = UnverifiedMediaBuffer(events.handlers)
    buffer.open()

    buffer.deliver(DatagramClass.RTP, b"rtp", 7)
    buffer.deliver(DatagramClass.RTCP, b"rtcp", 8)
    buffer.deliver(DatagramClass.DTLS, b"data", 9)

    assert (events.rtp, events.arrivals) == ([b"rtp"], [7])
    assert (events.rtcp, events.data) == ([b"rtcp"], [b"data"])


def test_a_gate_that_is_shut_while_it_opens_hands_up_no_more() -> None:
    events = Recorder()
    buffer = UnverifiedMediaBuffer(events.handlers)
    for number in range(3):
        buffer.deliver(*arrival(number))
    events.on_any = buffer.close

    buffer.open()

    assert events.arrivals == [0]


def test_a_gate_that_is_open_for_media_holds_data() -> None:
    events = Recorder()
    buffer = UnverifiedMediaBuffer(events.handlers)
    buffer.open_for_media()

    buffer.deliver(DatagramClass.RTP, b"rtp", 1)
    buffer.deliver(DatagramClass.DTLS, b"data", 1)
    buffer.deliver(DatagramClass.RTCP, b"rtcp", 1)
    assert (events.rtp, events.rtcp, events.data) == ([b"rtp"], [b"rtcp"], [])

    buffer.open()
    assert events.data == [b"data"]


def test_a_gate_that_is_shut_lets_no_media_through_either() -> None:
    events = Recorder()
    buffer = UnverifiedMediaBuffer(events.handlers)
    buffer.open_for_media()
    buffer.close()

    buffer.deliver(DatagramClass.RTP, b"rtp", 1)
    assert events.rtp == []
