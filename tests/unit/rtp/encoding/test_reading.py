"""What tracks give, and the times they leave out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from av import AudioFrame, VideoFrame
from av.packet import Packet

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.encoding.reading import Reader
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime
from tests.support.media.frames import flat_picture, tone
from tests.support.media.moving import codec_named

UNIX = 1.7e9


def test_a_frame_that_says_its_time_is_taken_as_it_is() -> None:
    frame = flat_picture(16, 16, pts=4500)
    reading = Reader(MediaKind.VIDEO).read(frame, 10.0, UNIX)
    assert reading.item is frame
    assert reading.time == Fraction(1, 20)
    assert (reading.capture_monotonic, reading.capture_time) == (10.0, UNIX)


def test_a_picture_without_time_gets_that_of_its_reading() -> None:
    frame = VideoFrame(16, 16, "yuv420p")
    reading = Reader(MediaKind.VIDEO).read(frame, 10.5, UNIX)
    assert float(reading.time) == pytest.approx(10.5)
    assert reading.item is not frame
    assert frame.pts is None


def test_sound_without_time_is_counted_through_jitter_and_not_through_a_pause() -> None:
    reader = Reader(MediaKind.AUDIO)
    times = [
        float(reader.read(tone(450, 0.02), at, UNIX).time) for at in (5.0, 5.05, 5.041, 6.0, 6.02)
    ]
    assert times == pytest.approx([5.0, 5.02, 5.04, 6.0, 6.02])


def test_an_encoded_frame_has_the_clock_of_its_codec_and_the_time_of_its_sender() -> None:
    frame = EncodedFrame(
        codec=codec_named("VP8"), payload=b"x", ssrc=1, timestamp=2, pts=9000, arrival=3.0,
        wall_clock=UnixTime(UNIX - 1),
    )  # fmt: skip
    reading = Reader(MediaKind.VIDEO).read(frame, 10.0, UNIX)
    assert reading.item is frame
    assert (reading.time, reading.capture_time) == (Fraction(1, 10), UNIX - 1)


def test_a_packet_may_leave_its_time_out() -> None:
    assert float(Reader(MediaKind.VIDEO).read(Packet(b"x"), 7.0, UNIX).time) == pytest.approx(7)


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
def test_what_is_no_frame_of_the_kind_is_refused(kind: MediaKind, item: object) -> None:
    with pytest.raises(TypeError, match="the track gave"):
        Reader(kind).read(item, 0.0, UNIX)


def test_the_application_keeps_its_frame() -> None:
    frame = tone(450, 0.02)
    reading = Reader(MediaKind.AUDIO).read(frame, 5.0, UNIX)
    assert isinstance(reading.item, AudioFrame)
    assert frame.pts is None
    assert reading.item.to_ndarray().tobytes() == frame.to_ndarray().tobytes()
