"""Frames assembled of packets in order, and their presentation times."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from peer.rtp.formats import format_of
from peer.rtp.levels import AudioLevel
from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.access_units import VIDEO_FRAME_LIMIT
from peer.rtp.receiving.frame_assembler import FrameAssembler, ReceiveTimeline
from peer.rtp.receiving.payload_types import payload_types_of
from peer.rtp.receiving.ssrcs import SsrcState
from peer.rtp_parameters import Codec, MediaKind
from tests.support.links.lossy_rtp import OPUS, TONES, VP8, vp8_frame

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame

PCMU = Codec(kind=MediaKind.AUDIO, name="PCMU", payload_type=0, clock_rate=8000, channels=1)
OTHER_VP8 = replace(VP8, payload_type=100)


class Making:
    def __init__(self) -> None:
        self.frames: list[EncodedFrame] = []
        self.keyframes = 0
        self.state = SsrcState(ssrc=1, clock_rate=90_000, sequence_number=0)
        self.assembler = FrameAssembler(
            payload_types_of((VP8, OTHER_VP8, OPUS, PCMU, TONES)),
            self.state,
            ReceiveTimeline(),
            on_frame=self.frames.append,
            on_keyframe=self._on_keyframe,
            on_wait=lambda _: None,
        )
        self._format = format_of(VP8)

    def _on_keyframe(self) -> None:
        self.keyframes += 1

    def picture(
        self,
        timestamp: int,
        *,
        keyframe: bool = False,
        payload_type: int = 96,
        markers: bool = True,
    ) -> None:
        payloads = self._format.packetize(
            vp8_frame(keyframe=keyframe), keyframe=keyframe, limit=1200
        )
        for index, payload in enumerate(payloads):
            last = markers and index == len(payloads) - 1
            self.add(payload_type, timestamp, payload, marker=last)

    def add(
        self,
        payload_type: int,
        timestamp: int,
        payload: bytes,
        *,
        marker: bool = False,
        level: AudioLevel | None = None,
    ) -> None:
        packet = RtpPacket(
            payload_type=payload_type,
            sequence_number=0,
            timestamp=timestamp,
            ssrc=1,
            payload=payload,
            marker=marker,
        )
        self.assembler.add(packet, level, timestamp / 90_000)


def test_video_frame_is_given_with_its_last_packet() -> None:
    making = Making()
    making.picture(0, keyframe=True)
    (frame,) = making.frames
    assert frame.payload == vp8_frame(keyframe=True)
    assert (frame.codec, frame.ssrc, frame.timestamp, frame.pts) == (VP8, 1, 0, 0)
    assert (frame.keyframe, frame.gap, frame.width, frame.height) == (True, False, 640, 480)


def test_video_frame_without_marker_is_given_when_next_begins() -> None:
    making = Making()
    making.picture(0, keyframe=True, markers=False)
    assert not making.frames
    making.picture(3000, markers=False)
    assert [frame.timestamp for frame in making.frames] == [0]


def test_assembler_gives_no_frame_before_first_key_frame() -> None:
    making = Making()
    making.picture(0)
    making.picture(3000)
    making.picture(6000, keyframe=True)
    assert [frame.timestamp for frame in making.frames] == [6000]
    assert making.state.frames_dropped == 2


def test_assembler_gives_no_frame_after_loss_until_next_key_frame() -> None:
    making = Making()
    making.picture(0, keyframe=True)
    making.assembler.on_loss()
    making.picture(3000)
    making.picture(6000, keyframe=True)
    making.picture(9000)
    assert [(frame.timestamp, frame.gap) for frame in making.frames] == [
        (0, False),
        (6000, True),
        (9000, False),
    ]
    assert making.keyframes == 2


def test_assembler_goes_on_with_audio_after_loss() -> None:
    making = Making()
    making.add(111, 0, b"a")
    making.assembler.on_loss()
    making.add(111, 1920, b"c")
    assert [(frame.payload, frame.gap) for frame in making.frames] == [(b"a", False), (b"c", True)]
    assert all(frame.keyframe for frame in making.frames)


def test_audio_frame_has_audio_level_of_its_packet() -> None:
    making = Making()
    making.add(111, 0, b"a", level=AudioLevel(30, voice=True))
    assert making.frames[0].level == AudioLevel(30, voice=True)


def test_packet_of_padding_only_makes_no_frame() -> None:
    making = Making()
    making.add(111, 0, b"")
    making.picture(0, keyframe=True, markers=False)
    making.add(96, 0, b"")
    making.add(96, 3000, b"")
    assert not making.frames


def test_telephone_events_make_no_frames_and_keep_codec() -> None:
    making = Making()
    making.add(111, 0, b"a")
    making.add(126, 960, b"\x01\x0a\x00\x00")
    making.add(111, 960, b"b")
    assert [frame.payload for frame in making.frames] == [b"a", b"b"]


def test_change_of_audio_codec_goes_on_at_once() -> None:
    making = Making()
    making.add(111, 0, b"a")
    making.add(0, 90_000, b"b")
    assert [(frame.codec, frame.gap) for frame in making.frames] == [(OPUS, False), (PCMU, False)]


def test_change_of_video_codec_begins_with_key_frame() -> None:
    making = Making()
    making.picture(0, keyframe=True)
    making.picture(3000, payload_type=100)
    making.picture(6000, payload_type=100, keyframe=True)
    assert [frame.timestamp for frame in making.frames] == [0, 6000]


def test_malformed_video_frame_is_counted_and_needs_key_frame() -> None:
    making = Making()
    making.picture(0, keyframe=True)
    making.add(96, 3000, b"\x80", marker=True)
    making.picture(6000)
    making.picture(9000, keyframe=True)
    assert [(frame.timestamp, frame.gap) for frame in making.frames] == [(0, False), (9000, True)]
    assert making.state.malformed == 1


def test_video_frame_of_too_many_packets_is_dropped() -> None:
    making = Making()
    making.picture(0, keyframe=True, markers=False)
    for _ in range(VIDEO_FRAME_LIMIT):
        making.add(96, 0, b"\x00" + bytes(10))
    assert making.assembler.awaits_keyframe
    assert making.state.malformed == 1
    assert not making.assembler.partial


def test_assembler_follows_parameters_that_change_codec_of_payload_type() -> None:
    making = Making()
    making.add(0, 0, b"a")
    making.assembler.configure(payload_types_of((replace(OPUS, payload_type=0),)))
    making.add(0, 90_000, b"b")
    assert [frame.codec.name for frame in making.frames] == ["PCMU", "opus"]


def test_payload_that_only_looks_like_key_frame_start_gives_no_frame() -> None:
    making = Making()
    making.add(96, 0, b"\x10\x10" + bytes(20), marker=True)
    assert not making.frames
    assert making.assembler.awaits_keyframe
    assert making.state.frames_dropped == 1


VIDEO = 90_000


def pts(
    timeline: ReceiveTimeline, timestamp: int, arrival: float = 0.0, *, clock_rate: int = VIDEO
) -> int:
    return timeline.pts(timestamp, arrival=arrival, clock_rate=clock_rate)


def test_presentation_times_count_from_zero() -> None:
    timeline = ReceiveTimeline()
    assert [pts(timeline, t, 0.0) for t in (5000, 8000)] == [0, 3000]


def test_wrap_of_timestamp_is_no_jump_of_presentation_time() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 2**32 - 1000, 0.0)
    assert pts(timeline, 2000, 0.0) == 3000


def test_timestamp_slightly_back_makes_presentation_time_slightly_back() -> None:
    timeline = ReceiveTimeline()
    assert [pts(timeline, t, 0.0) for t in (5000, 8000, 7000)] == [
        0,
        3000,
        2000,
    ]


def test_restarted_timeline_goes_on_by_elapsed_time() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 0, 10.0)
    pts(timeline, 90_000, 11.0)
    timeline.restart()
    assert pts(timeline, 4_000_000_000, 11.5) == 90_000 + 45_000


def test_restarted_timeline_rises_without_elapsed_time() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 0, 10.0)
    timeline.restart()
    assert pts(timeline, 4_000_000_000, 10.0) == 1


def test_timeline_with_another_clock_rate_keeps_seconds() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 0, 10.0, clock_rate=48_000)
    pts(timeline, 96_000, 12.0, clock_rate=48_000)
    assert pts(timeline, 77, 13.0, clock_rate=8_000) == 3 * 8_000


def test_unexplained_jump_of_timestamps_restarts_timeline() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 0, 10.0)
    assert pts(timeline, 2_000_000_000, 10.5) == 45_000


def test_timeline_keeps_pause_of_stream() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 0, 10.0)
    assert pts(timeline, 60 * VIDEO, 70.0) == 60 * VIDEO
