"""Packets of one outgoing stream: numbers, timestamps, markers, extensions, and its counters."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from peer.rtp.levels import AudioLevel
from peer.rtp.packet import AbsoluteCaptureTime, PlayoutDelay, RtpPacket
from peer.rtp.sending import PacketPriority, RtpStreamSender
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime
from tests.support.rtp.sending import (
    CAPTURE_ID,
    DELAY_ID,
    LEVEL_ID,
    MID_ID,
    NUMBER_ID,
    ROOM,
    VP8,
    audio_parameters,
    header,
    video_parameters,
    written,
)

if TYPE_CHECKING:
    from peer.rtp.sending import OutboundFrame


def video() -> RtpStreamSender:
    return RtpStreamSender(MediaKind.VIDEO, video_parameters(), ssrc=11, rtx_ssrc=12)


def audio() -> RtpStreamSender:
    return RtpStreamSender(MediaKind.AUDIO, audio_parameters(), ssrc=21, rtx_ssrc=22)


def packets(
    frame: OutboundFrame | None, *, now: float = 5.0, room: float = ROOM
) -> list[RtpPacket]:
    assert frame is not None
    found: list[RtpPacket] = []
    while frame.position < len(frame.payloads):
        found += map(RtpPacket.parse, written(frame, number=len(found), now=now, room=room))
    return found


def test_video_frame_has_one_timestamp_and_a_last_marker() -> None:
    found = packets(video().make_frame([b"a", b"b", b"c"], timestamp=0))
    assert [each.payload for each in found] == [b"a", b"b", b"c"]
    assert len({each.timestamp for each in found}) == 1
    assert [each.marker for each in found] == [False, False, True]
    assert {(each.ssrc, each.payload_type) for each in found} == {(11, 96)}


@pytest.mark.parametrize("room", [0, 130, 225, 400, 1e9])
def test_write_packets_fills_the_room(room: float) -> None:
    transmission = video()
    payloads = [bytes([index]) * 100 for index in range(4)]
    frame = transmission.make_frame(payloads, timestamp=0)
    assert frame is not None
    found: list[bytes] = []
    while frame.position < len(payloads):
        batch = written(frame, number=len(found), now=1.0, room=room)
        assert sum(map(len, batch[:-1])) <= room
        found += batch
        assert frame.position == len(found)
        # Another one would begin beyond it.
        assert frame.position == len(payloads) or sum(map(len, batch)) > room
    packets = [RtpPacket.parse(each) for each in found]
    assert [each.payload for each in packets] == payloads
    assert [each.marker for each in packets] == [False, False, False, True]
    assert [header(each)[NUMBER_ID] for each in packets] == [bytes([0, n]) for n in range(4)]
    begin = packets[0].sequence_number
    assert [each.sequence_number - begin for each in packets] == [0, 1, 2, 3]
    counters = transmission.counters
    assert (counters.packets, counters.octets, counters.frames) == (4, 400, 1)
    assert counters.header_octets == sum(map(len, found)) - 400


def test_first_audio_packet_alone_has_marker_and_level() -> None:
    transmission = audio()
    frame = transmission.make_frame([b"a", b"b"], timestamp=0, marker=True, level=AudioLevel(10))
    found = packets(frame)
    assert [each.marker for each in found] == [True, False]
    assert [LEVEL_ID in header(each) for each in found] == [True, False]


def test_sequence_numbers_rise_by_one_through_frames_and_wrap() -> None:
    transmission = video()
    numbers = [
        packet.sequence_number
        for index in range(70_000)
        for packet in packets(transmission.make_frame([b"x"], timestamp=index))
    ]
    steps = {(b - a) & 0xFFFF for a, b in pairwise(numbers)}
    assert steps == {1}
    assert numbers[0] < 1 << 15


def test_timestamps_keep_their_distances_and_wrap() -> None:
    transmission = video()
    times = [
        packets(transmission.make_frame([b"x"], timestamp=t))[0].timestamp
        for t in (0, 3000, (1 << 32) - 5, 1 << 32, 1 << 40)
    ]
    assert [(t - times[0]) & 0xFFFFFFFF for t in times] == [0, 3000, (1 << 32) - 5, 0, 0]


def test_streams_begin_at_random_numbers_and_timestamps() -> None:
    begins = [each for _ in range(8) for each in packets(video().make_frame([b"x"], timestamp=0))]
    assert len({each.sequence_number for each in begins}) > 5
    assert len({each.timestamp for each in begins}) > 5


def test_unsent_frame_takes_no_sequence_number() -> None:
    transmission = video()
    first = packets(transmission.make_frame([b"x"], timestamp=0))
    transmission.make_frame([b"never", b"sent"], timestamp=1)
    second = packets(transmission.make_frame([b"x"], timestamp=2))
    assert (second[0].sequence_number - first[0].sequence_number) & 0xFFFF == 1


def test_audio_has_a_marker_only_on_request() -> None:
    transmission = audio()
    assert not packets(transmission.make_frame([b"x"], timestamp=0))[0].marker
    assert packets(transmission.make_frame([b"x"], timestamp=960, marker=True))[0].marker


def test_telephone_event_has_its_own_payload_type_in_the_audio_stream() -> None:
    transmission = audio()
    sound = packets(transmission.make_frame([b"x"], timestamp=0))[0]
    event = packets(transmission.make_frame([b"\1\n\0\xa0"], timestamp=0, payload_type=101))[0]
    assert (event.payload_type, event.ssrc) == (101, sound.ssrc)
    assert (event.sequence_number - sound.sequence_number) & 0xFFFF == 1


def test_packets_carry_mid_and_transport_sequence_number() -> None:
    found = [header(each) for each in packets(video().make_frame([b"a", b"b"], timestamp=0))]
    assert [each[MID_ID] for each in found] == [b"v", b"v"]
    assert [each[NUMBER_ID] for each in found] == [b"\0\0", b"\0\1"]


def test_packets_carry_only_negotiated_extensions() -> None:
    transmission = RtpStreamSender(
        MediaKind.VIDEO, video_parameters(extensions=()), ssrc=1, rtx_ssrc=2
    )
    assert not transmission.uses_twcc
    packet = packets(
        transmission.make_frame(
            [b"x"], timestamp=0, level=AudioLevel(3), capture_time=UnixTime(1e9)
        )
    )[0]
    assert packet.profile == 0


def test_audio_level_is_sent_where_known() -> None:
    transmission = audio()
    level = AudioLevel(33, voice=True)
    with_level = packets(transmission.make_frame([b"x"], timestamp=0, level=level))[0]
    without = packets(transmission.make_frame([b"x"], timestamp=960))[0]
    assert AudioLevel.parse(header(with_level)[LEVEL_ID]) == level
    assert LEVEL_ID not in header(without)
    assert header(without)[MID_ID] == b"a"


def test_capture_time_is_sent_once_a_second_on_a_first_packet() -> None:
    transmission = video()
    told = []
    for tenth in range(25):
        now = 100 + tenth / 10
        frame = transmission.make_frame([b"a", b"b"], timestamp=0, capture_time=UnixTime(1e9 + now))
        for position, packet in enumerate(packets(frame, now=now)):
            if CAPTURE_ID in header(packet):
                found = AbsoluteCaptureTime.parse(header(packet)[CAPTURE_ID])
                told.append((position, now, round(found.capture_time - 1e9, 3)))
    assert told == [(0, now, now) for now in (100.0, 101.0, 102.0)]


def test_playout_delay_is_sent_once_set() -> None:
    transmission = video()
    assert DELAY_ID not in header(packets(transmission.make_frame([b"x"], timestamp=0))[0])
    transmission.playout_delay = PlayoutDelay(0.0, 0.1)
    found = header(packets(transmission.make_frame([b"x"], timestamp=0))[0])
    assert PlayoutDelay.parse(found[DELAY_ID]) == PlayoutDelay(0.0, 0.1)


def test_configure_continues_the_rtp_stream() -> None:
    transmission = video()
    first = packets(transmission.make_frame([b"x"], timestamp=0))[0]
    transmission.configure(replace(video_parameters(replace(VP8, payload_type=120)), mid="another"))
    second = packets(transmission.make_frame([b"x"], timestamp=3000))[0]
    assert (second.payload_type, header(second)[MID_ID]) == (120, b"another")
    assert (second.sequence_number - first.sequence_number) & 0xFFFF == 1
    assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == 3000


def test_audio_has_priority_over_video() -> None:
    sound, picture = (each.make_frame([b"x"], timestamp=0) for each in (audio(), video()))
    assert sound is not None
    assert picture is not None
    assert sound.priority is PacketPriority.AUDIO
    assert sound.priority < PacketPriority.RETRANSMISSION < picture.priority


def test_size_of_a_frame_is_the_octets_sent() -> None:
    transmission = video()
    frame = transmission.make_frame([bytes(100), bytes(50)], timestamp=0)
    assert frame is not None
    size = frame.size
    assert size == sum(map(len, written(frame, now=1.0)))


def test_stream_counts_packets_octets_frames_and_send_delay() -> None:
    transmission = video()
    for _ in range(3):
        frame = transmission.make_frame([bytes(100), bytes(50)], timestamp=0)
        assert frame is not None
        frame.queued = 4.75
        packets(frame, now=5.0)
    counters = transmission.counters
    assert (counters.packets, counters.octets, counters.frames) == (6, 450, 3)
    assert counters.header_octets == 6 * 28
    assert counters.send_delay == pytest.approx(6 * 0.25)


def test_after_a_drop_only_a_keyframe_is_taken() -> None:
    asked: list[str] = []
    transmission = RtpStreamSender(
        MediaKind.VIDEO,
        video_parameters(),
        ssrc=1,
        rtx_ssrc=2,
        on_keyframe_needed=lambda: asked.append("key frame"),
    )
    transmission.on_dropped(3, needs_keyframe=True)
    assert asked == ["key frame"]
    assert transmission.make_frame([b"x"], timestamp=0, keyframe=False) is None
    assert transmission.make_frame([b"x"], timestamp=0, keyframe=True) is not None
    assert transmission.make_frame([b"x"], timestamp=0, keyframe=False) is not None
    assert transmission.counters.dropped_frames == 4


def test_drop_before_a_waiting_keyframe_needs_no_other() -> None:
    transmission = video()
    transmission.on_dropped(3, needs_keyframe=False)
    assert transmission.make_frame([b"x"], timestamp=0, keyframe=False) is not None
