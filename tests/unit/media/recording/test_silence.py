from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from media.recording.pending import Frame
from media.recording.silence import PATIENCE, SilenceFiller

#: An Opus packet of 20 ms, in stereo.
PACKET = bytes((31 << 3 | 4, 1, 2, 3))
STEP = Fraction(1, 50)
PICTURE = Fraction(1, 30)


def filler(*channels: int) -> SilenceFiller:
    """Of streams from 0 on, by their channels."""
    made = SilenceFiller()
    for stream, count in enumerate(channels):
        made.add(stream, channels=count)
    return made


def sounds(begin: int, end: int, stream: int = 0) -> list[Frame]:
    """Of so many packets from zero."""
    return [
        Frame(number * STEP, stream, PACKET, STEP, keyframe=True, picture=False)
        for number in range(begin, end)
    ]


def pictures(begin: Fraction | int, end: Fraction | int) -> list[Frame]:
    """Between two times in seconds."""
    return [
        Frame(begin + number * PICTURE, 1, b"picture", PICTURE, keyframe=True, picture=True)
        for number in range(int((end - begin) / PICTURE))
    ]


def covers(frames: list[Frame], begin: Fraction | int, end: Fraction | int) -> None:
    """Sound has no hole between two times in seconds."""
    heard = [each for each in frames if not each.picture]
    assert heard[0].pts == begin
    assert [a.pts + a.duration - b.pts for a, b in pairwise(heard)] == [0] * (len(heard) - 1)
    assert heard[-1].pts + heard[-1].duration == end


def test_whole_sound_is_left_as_it_is() -> None:
    frames = sounds(0, 50) + pictures(0, 1)
    assert filler(2).fill(frames) == sorted(frames)


def test_a_hole_between_two_packets_is_filled_to_its_end() -> None:
    silence = filler(2)
    filled = silence.fill(sounds(0, 10)) + silence.fill(sounds(60, 70))
    covers(filled, 0, Fraction(70, 50))
    assert [each for each in filled if each.payload == PACKET] == sounds(0, 10) + sounds(60, 70)


def test_the_rest_of_a_hole_that_is_shorter_than_a_packet_is_left() -> None:
    silence = filler(2)
    late = Frame(Fraction(1, 5) + STEP / 2, 0, PACKET, STEP, keyframe=True, picture=False)
    assert silence.fill([*sounds(0, 10), late]) == [*sounds(0, 10), late]


@pytest.mark.parametrize(("channels", "stereo"), [(1, 0), (2, 4)])
def test_sound_that_begins_late_has_silence_of_its_channels_before(
    channels: int, stereo: int
) -> None:
    filled = filler(channels).fill(sounds(100, 110))
    covers(filled, 0, Fraction(110, 50))
    assert filled[0].payload[0] & 4 == stereo


def test_a_muted_microphone_is_filled_while_pictures_go_on() -> None:
    silence = filler(2)
    frames = silence.fill(sounds(0, 50) + pictures(0, 1))
    end = Fraction(0)
    for second in range(1, 10):
        frames += silence.fill(pictures(second, second + 1))
        end = max(each.pts + each.duration for each in frames if not each.picture)
        last = max(each.pts for each in frames)
        assert last - end <= PATIENCE + STEP
    covers(frames, 0, end)


def test_sound_that_comes_for_a_time_that_is_silence_by_now_is_left_out() -> None:
    silence = filler(2)
    frames = silence.fill(pictures(0, 10))
    end = frames[-1].pts + frames[-1].duration
    frames += silence.fill(sounds(100, 600))
    covers(frames, 0, 12)
    assert min(each.pts for each in frames if each.payload == PACKET) == pytest.approx(
        float(end), abs=0.02
    )


def test_at_the_end_sound_is_as_long_as_the_file() -> None:
    silence = filler(2)
    frames = silence.fill(sounds(0, 50) + pictures(0, 2))
    frames += silence.finish(Fraction(2))
    covers(frames, 0, 2)


def test_each_stream_has_its_own_silence_and_one_alone_has_no_need_of_it() -> None:
    assert filler(2).fill(sounds(0, 500)) == sounds(0, 500)
    filled = filler(2, 2).fill(sounds(0, 500) + sounds(0, 5, stream=1))
    for stream in (0, 1):
        mine = [each for each in filled if each.stream == stream]
        assert mine[-1].pts + mine[-1].duration >= 10 - PATIENCE - STEP


def test_a_stream_that_was_added_later_has_no_silence_before_that() -> None:
    silence = filler(2)
    silence.fill(sounds(0, 100))
    silence.add(1, channels=1, start=Fraction(2))
    filled = silence.fill(sounds(100, 150) + sounds(110, 150, stream=1))
    mine = [each for each in filled if each.stream == 1]
    assert mine[0].pts == 2
    covers(mine, 2, 3)


def test_silence_is_told_once_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "media")
    silence = filler(2)
    silence.fill(sounds(0, 1))
    for second in range(1, 5):
        silence.fill(pictures(second, second + 1))
    assert caplog.messages == []
    silence.fill(sounds(250, 251))
    assert caplog.messages == ["stream 0 is silent for 4.98 s from 0.02 s"]
    silence.finish(Fraction(6))
    assert caplog.messages[1:] == ["stream 0 is silent for 0.98 s from 5.02 s"]
