"""Frames of tracks, and the times that they lack."""

from __future__ import annotations

from fractions import Fraction

import pytest
from av import AudioFrame, VideoFrame
from av.packet import Packet

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.encoding.track_frame import TrackFrameReader
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime
from tests.support.media.frames import flat_picture, tone
from tests.support.media.moving import codec_named

UNIX = UnixTime(1.7e9)


def test_track_frame_keeps_its_time() -> None:
    frame = flat_picture(16, 16, pts=4500)
    track_frame = TrackFrameReader(MediaKind.VIDEO).read(frame, now=10.0, unix_now=UNIX)
    assert track_frame.item is frame
    assert track_frame.time == Fraction(1, 20)
    assert (track_frame.capture_monotonic, track_frame.capture_time) == (10.0, UNIX)


def test_video_frame_without_time_gets_the_present_time() -> None:
    frame = VideoFrame(16, 16, "yuv420p")
    track_frame = TrackFrameReader(MediaKind.VIDEO).read(frame, now=10.5, unix_now=UNIX)
    assert float(track_frame.time) == pytest.approx(10.5)
    assert track_frame.item is not frame
    assert frame.pts is None


def test_audio_without_time_is_counted_through_jitter_but_not_a_pause() -> None:
    reader = TrackFrameReader(MediaKind.AUDIO)
    times = [
        float(reader.read(tone(450, 0.02), now=at, unix_now=UNIX).time)
        for at in (5.0, 5.05, 5.041, 6.0, 6.02)
    ]
    assert times == pytest.approx([5.0, 5.02, 5.04, 6.0, 6.02])


def test_encoded_track_frame_keeps_clock_and_capture_time() -> None:
    frame = EncodedFrame(
        codec=codec_named("VP8"), payload=b"x", ssrc=1, timestamp=2, pts=9000, arrival=3.0,
        wall_clock=UnixTime(UNIX - 1),
    )  # fmt: skip
    track_frame = TrackFrameReader(MediaKind.VIDEO).read(frame, now=10.0, unix_now=UNIX)
    assert track_frame.item is frame
    assert (track_frame.time, track_frame.capture_time) == (Fraction(1, 10), UNIX - 1)


def test_packet_without_time_gets_the_present_time() -> None:
    assert float(
        TrackFrameReader(MediaKind.VIDEO).read(Packet(b"x"), now=7.0, unix_now=UNIX).time
    ) == pytest.approx(7)


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        (MediaKind.VIDEO, tone(450, 0.02)),
        (MediaKind.AUDIO, flat_picture(16, 16)),
        (MediaKind.VIDEO, None),
        (MediaKind.VIDEO, b"bytes"),
        (
            MediaKind.AUDIO,
            EncodedFrame(
                codec=codec_named("VP8"), payload=b"x", ssrc=1, timestamp=2, pts=0, arrival=3.0
            ),
        ),
    ],
)
def test_track_frame_of_another_kind_is_refused(kind: MediaKind, item: object) -> None:
    with pytest.raises(TypeError, match="the track gave"):
        TrackFrameReader(kind).read(item, now=0.0, unix_now=UNIX)


def test_reading_does_not_change_the_frame() -> None:
    frame = tone(450, 0.02)
    track_frame = TrackFrameReader(MediaKind.AUDIO).read(frame, now=5.0, unix_now=UNIX)
    assert isinstance(track_frame.item, AudioFrame)
    assert frame.pts is None
    assert track_frame.item.to_ndarray().tobytes() == frame.to_ndarray().tobytes()
