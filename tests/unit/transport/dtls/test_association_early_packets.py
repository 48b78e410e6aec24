from __future__ import annotations

from peer.transport.dtls.early_packets import (
    EarlyPacket,
    EarlyPacketBuffer,
    UnverifiedMediaBuffer,
)
from peer.transport.wire.demux import DatagramClass
from tests.support.links.secure import Recorder


def arrival(number: int, size: int = 1) -> EarlyPacket:
    return EarlyPacket(DatagramClass.RTP, bytes([number]) * size, number)


def test_early_packet_buffer_drops_the_oldest_beyond_its_number() -> None:
    buffer = EarlyPacketBuffer(packets=2)

    assert [buffer.push(arrival(n)) for n in range(3)] == [0, 0, 1]
    assert [buffer.pop().arrival for _ in range(len(buffer))] == [1, 2]


def test_early_packet_buffer_drops_the_oldest_beyond_its_size() -> None:
    buffer = EarlyPacketBuffer(size=10)

    assert [buffer.push(arrival(n, 4)) for n in range(3)] == [0, 0, 1]


def test_early_packet_larger_than_the_buffer_is_dropped() -> None:
    buffer = EarlyPacketBuffer(size=10)
    buffer.push(arrival(0))

    assert buffer.push(arrival(1, 11)) == 2
    assert len(buffer) == 0


def test_cleared_early_packet_buffer_has_all_its_room_again() -> None:
    buffer = EarlyPacketBuffer(size=10)
    buffer.push(arrival(0, 10))

    buffer.clear()

    assert buffer.push(arrival(1, 10)) == 0


def test_open_unverified_media_buffer_delivers_at_once() -> None:
    events = Recorder()
    buffer = UnverifiedMediaBuffer(events.handlers)
    buffer.open()

    buffer.deliver(DatagramClass.RTP, b"rtp", 7)
    buffer.deliver(DatagramClass.RTCP, b"rtcp", 8)
    buffer.deliver(DatagramClass.DTLS, b"data", 9)

    assert (events.rtp, events.arrivals) == ([b"rtp"], [7])
    assert (events.rtcp, events.data) == ([b"rtcp"], [b"data"])


def test_unverified_media_buffer_closed_while_opening_delivers_no_more() -> None:
    events = Recorder()
    buffer = UnverifiedMediaBuffer(events.handlers)
    for number in range(3):
        buffer.deliver(*arrival(number))
    events.on_any = buffer.close

    buffer.open()

    assert events.arrivals == [0]


def test_unverified_media_buffer_open_for_media_buffers_data() -> None:
    events = Recorder()
    buffer = UnverifiedMediaBuffer(events.handlers)
    buffer.open_for_media()

    buffer.deliver(DatagramClass.RTP, b"rtp", 1)
    buffer.deliver(DatagramClass.DTLS, b"data", 1)
    buffer.deliver(DatagramClass.RTCP, b"rtcp", 1)
    assert (events.rtp, events.rtcp, events.data) == ([b"rtp"], [b"rtcp"], [])

    buffer.open()
    assert events.data == [b"data"]


def test_closed_unverified_media_buffer_delivers_no_media() -> None:
    events = Recorder()
    buffer = UnverifiedMediaBuffer(events.handlers)
    buffer.open_for_media()
    buffer.close()

    buffer.deliver(DatagramClass.RTP, b"rtp", 1)
    assert events.rtp == []
