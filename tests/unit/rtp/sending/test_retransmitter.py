"""Retransmissions on NACK (RFC 4585), by RTX (RFC 4588) and without, and their budget."""

from __future__ import annotations

from peer.rtp.packet import RtpPacket
from peer.rtp.sending import PacketPriority, RtpStreamSender
from peer.rtp.sending.packet_history import HISTORY_PACKETS, HISTORY_SECONDS
from peer.rtp.sending.retransmitter import (
    BUDGET_LIMIT,
    DEFAULT_INTERVAL,
    NACK_LIMIT,
    PADDING_LIMIT,
)
from peer.rtp_parameters import MediaKind
from tests.support.rtp.sending import (
    MID_ID,
    NUMBER_ID,
    RTX,
    VP8,
    audio_parameters,
    header,
    video_parameters,
    written,
)

SIZE = 1000


def transmission(*, rtx: bool = True) -> RtpStreamSender:
    codecs = (VP8, RTX) if rtx else (VP8,)
    return RtpStreamSender(MediaKind.VIDEO, video_parameters(*codecs), ssrc=11, rtx_ssrc=12)


def send(stream: RtpStreamSender, *payloads: bytes, now: float = 1.0) -> list[RtpPacket]:
    frame = stream.make_frame(payloads, timestamp=int(now * 90_000))
    assert frame is not None
    return [RtpPacket.parse(each) for each in written(frame, number=0, now=now)]


def repair(stream: RtpStreamSender, *lost: int, now: float = 1.0) -> list[RtpPacket]:
    frames = stream.on_nack(lost, now)
    return [RtpPacket.parse(written(each, number=77, now=now)[0]) for each in frames]


def test_nacked_packet_is_retransmitted_in_the_rtx_stream() -> None:
    stream = transmission()
    sent = send(stream, b"first", b"last")
    for original in sent:
        (found,) = repair(stream, original.sequence_number)
        assert (found.ssrc, found.payload_type) == (12, 97)
        assert found.payload == original.sequence_number.to_bytes(2, "big") + original.payload
        assert (found.timestamp, found.marker) == (original.timestamp, original.marker)
        assert header(found)[MID_ID] == b"v"
        assert header(found)[NUMBER_ID] == bytes((0, 77))


def test_rtx_stream_has_its_own_sequence_numbers() -> None:
    stream = transmission()
    sent = send(stream, *[bytes(10)] * 5)
    found = repair(stream, *(each.sequence_number for each in reversed(sent)))
    numbers = [each.sequence_number for each in found]
    assert [(n - numbers[0]) & 0xFFFF for n in numbers] == [0, 1, 2, 3, 4]


def test_without_rtx_the_original_packet_is_retransmitted_byte_for_byte() -> None:
    stream = transmission(rtx=False)
    frame = stream.make_frame((b"first", b"last"), timestamp=90_000)
    assert frame is not None
    # In two turns of the pacer, each with a time and a transport-wide number of its own.
    sent = [*written(frame, number=3, now=1.0, room=0.0), *written(frame, number=9, now=1.1)]
    numbers = [RtpPacket.parse(each).sequence_number for each in sent]
    found = stream.on_nack(numbers, 1.3)
    assert [packet for each in found for packet in written(each, number=77, now=1.4)] == sent
    assert not any(each.source.uses_twcc for each in found)
    assert [each.size for each in found] == list(map(len, sent))
    assert stream.counters.retransmitted_octets == len(b"firstlast")
    assert send(stream, b"next")[0].sequence_number == (numbers[-1] + 1) & 0xFFFF


def test_packet_sent_while_there_was_rtx_is_not_retransmitted_without() -> None:
    stream = transmission()
    number = send(stream, b"x")[0].sequence_number
    (waiting,) = stream.on_nack((number,), 1.0)
    stream.configure(video_parameters(VP8))
    assert list(written(waiting, number=77, now=1.1)) == []
    assert repair(stream, number, now=1.5) == []
    assert stream.counters.retransmitted_packets == 0
    assert stream.counters.refused_retransmissions == 2


def test_packets_are_kept_only_where_they_may_be_sent_again_as_they_were() -> None:
    for stream, kept in ((transmission(), 0), (transmission(rtx=False), 1)):
        frame = stream.make_frame((b"x",), timestamp=0)
        assert frame is not None
        written(frame, now=1.0)
        assert len(frame.packets) == kept


def test_retransmissions_have_priority_over_video() -> None:
    stream = transmission()
    sent = send(stream, b"x")
    (frame,) = stream.on_nack((sent[0].sequence_number,), 1.0)
    assert frame.priority is PacketPriority.RETRANSMISSION
    assert frame.source.uses_twcc


def test_unsent_packet_is_not_retransmitted() -> None:
    stream = transmission()
    number = send(stream, b"x")[0].sequence_number
    assert repair(stream, number + 1, number - 1) == []
    assert stream.counters.refused_retransmissions == 2


def test_old_packet_is_not_retransmitted() -> None:
    stream = transmission()
    number = send(stream, b"x", now=1.0)[0].sequence_number
    assert repair(stream, number, now=1.1 + HISTORY_SECONDS) == []


def test_packet_beyond_the_history_is_not_retransmitted() -> None:
    stream = transmission()
    number = send(stream, b"x")[0].sequence_number
    for _ in range(HISTORY_PACKETS):
        send(stream, b"x")
    assert repair(stream, number) == []


def test_packet_named_twice_in_a_nack_is_retransmitted_once() -> None:
    stream = transmission()
    number = send(stream, b"x")[0].sequence_number
    assert len(repair(stream, number, number)) == 1


def test_packet_is_not_retransmitted_twice_within_a_round_trip() -> None:
    stream = transmission()
    stream.round_trip_time = 0.1
    number = send(stream, b"x")[0].sequence_number
    assert len(repair(stream, number, now=1.05)) == 1
    assert repair(stream, number, now=1.1) == []
    assert len(repair(stream, number, now=1.15)) == 1


def test_retransmissions_are_20_ms_apart_without_a_round_trip() -> None:
    stream = transmission()
    number = send(stream, b"x")[0].sequence_number
    assert len(repair(stream, number, now=1.0)) == 1
    assert repair(stream, number, now=1.0 + DEFAULT_INTERVAL / 2) == []
    assert len(repair(stream, number, now=1.0 + DEFAULT_INTERVAL)) == 1


def test_retransmissions_are_at_most_half_of_the_octets_sent() -> None:
    stream = transmission()
    stream.round_trip_time = 0.0
    now = 1.0
    for _ in range(1000):
        now += 0.01
        number = send(stream, bytes(SIZE), now=now)[0].sequence_number
        for _ in range(5):
            repair(stream, *(number - back & 0xFFFF for back in range(50)), now=now)
    counters = stream.counters
    allowed = BUDGET_LIMIT + 0.5 * (counters.octets + counters.header_octets)
    assert 0.9 * allowed < counters.retransmitted_octets <= allowed
    assert counters.nacks == 5000


def test_nack_of_more_than_1024_packets_is_cut() -> None:
    stream = transmission()
    number = send(stream, b"x")[0].sequence_number
    others = [number + 1] * NACK_LIMIT
    assert repair(stream, *others, number) == []
    assert stream.counters.refused_retransmissions == NACK_LIMIT + 1


def test_other_payload_type_clears_the_history() -> None:
    stream = transmission()
    number = send(stream, b"x")[0].sequence_number
    stream.configure(video_parameters(VP8, RTX, extensions=()))
    assert len(repair(stream, number)) == 1
    stream.configure(audio_parameters())
    assert repair(stream, number, now=1.5) == []


def test_audio_without_nack_keeps_no_history() -> None:
    stream = RtpStreamSender(MediaKind.AUDIO, audio_parameters(), ssrc=21, rtx_ssrc=22)
    number = send(stream, b"x")[0].sequence_number
    assert repair(stream, number) == []


def test_retransmissions_are_counted_apart() -> None:
    stream = transmission()
    number = send(stream, b"xyz")[0].sequence_number
    repair(stream, number)
    counters = stream.counters
    assert (counters.packets, counters.octets) == (1, 3)
    assert (counters.retransmitted_packets, counters.retransmitted_octets) == (1, 3)


def test_retransmission_dropped_by_the_pacer_counts_as_refused() -> None:
    stream = transmission()
    number = send(stream, b"x")[0].sequence_number
    (frame,) = stream.on_nack((number,), 1.0)
    frame.source.on_dropped(1, needs_keyframe=False)
    assert stream.counters.refused_retransmissions == 1
    assert stream.counters.dropped_frames == 0


def test_padding_repeats_the_largest_of_the_packets_sent_last() -> None:
    stream = transmission()
    sent = send(stream, bytes(100), bytes(900), bytes(200))
    assert stream.padding(1, 1.1)[0].sequence_number == sent[1].sequence_number
    found = stream.padding(2000, 1.1)
    assert [len(each.payloads[0]) for each in found] == [900, 200, 100, 900]
    (packet,) = written(found[0], number=77, now=1.2)
    assert RtpPacket.parse(packet).ssrc == 12
    assert stream.counters.padding_octets == 900 + 900 + 200 + 100 + 900
    assert stream.counters.refused_retransmissions == 0


def test_padding_is_bounded_and_needs_packets_and_rtx() -> None:
    stream = transmission()
    assert stream.padding(10_000, 1.0) == ()
    send(stream, bytes(10))
    assert len(stream.padding(1_000_000, 1.0)) == PADDING_LIMIT
    assert stream.padding(10_000, 1.0 + HISTORY_SECONDS + 0.1) == ()
    without = transmission(rtx=False)
    send(without, bytes(100))
    assert without.padding(10_000, 1.0) == ()
