from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from media.voice.events import SpeechEnded, SpeechEndReason, SpeechStarted, TurnEvent
from media.voice.settings import TurnSettings
from media.voice.turns import TurnReader, turns
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.media.frames import GivenTrack, flat_picture, tone
from tests.support.media.speech import PacedTrack, silence

if TYPE_CHECKING:
    from numpy.typing import NDArray

SETTINGS = TurnSettings(minimum_speech=0.06, hangover=0.2, padding=0.1)


class Loudness:
    """Takes for speech what is loud."""

    window = 320

    def __init__(self) -> None:
        self.calls = 0
        self.resets = 0
        self.threads: set[int] = set()

    def probability(self, samples: NDArray[np.int16], /) -> float:
        self.calls += 1
        self.threads.add(threading.get_ident())
        return float(np.abs(samples.astype(int)).mean() > 500)

    def reset(self) -> None:
        self.resets += 1


def voice(seconds: float, rate: int = 48_000) -> NDArray[np.int16]:
    at = np.arange(round(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * 300 * at)).astype(np.int16)


def two_utterances(rate: int = 48_000) -> NDArray[np.int16]:
    parts = (
        silence(0.5, rate),
        voice(1.0, rate),
        silence(0.6, rate),
        voice(0.5, rate),
        silence(0.5, rate),
    )
    return np.concatenate(parts)


async def all_of(reader: TurnReader) -> list[TurnEvent]:
    return [event async for event in reader]


def utterances(events: list[TurnEvent]) -> list[SpeechEnded]:
    """The utterances of events, each of which must be a begin and an end."""
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded] * (len(events) // 2)
    return [event for event in events if isinstance(event, SpeechEnded)]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@in_virtual_time
async def test_a_track_of_any_rate_becomes_turns_with_their_samples(rate: int) -> None:
    track = PacedTrack(two_utterances(rate), rate=rate)
    first, second = utterances(await all_of(turns(track, detector=Loudness(), settings=SETTINGS)))
    assert (first.start, first.end) == pytest.approx((0.5, 1.5), abs=0.025)
    assert (second.start, second.end) == pytest.approx((2.1, 2.6), abs=0.025)
    assert len(first.samples) / 16_000 == pytest.approx(1.2, abs=0.045)
    heard = np.abs(np.fft.rfft(first.samples[3200:16_000]))
    assert int(heard.argmax()) * 16_000 / 12_800 == pytest.approx(300, abs=2)


@in_virtual_time
async def test_the_begin_of_speech_is_told_while_it_goes_on() -> None:
    now = asyncio.get_running_loop().time
    begun = now()
    reader = turns(PacedTrack(two_utterances()), detector=Loudness(), settings=SETTINGS)
    async with reader:
        assert isinstance(await anext(reader), SpeechStarted)
        assert reader.speaking
        # Half a second, the minimum, and the frame that completes a window.
        assert now() - begun == pytest.approx(0.5 + 0.06, abs=0.041)
        assert isinstance(await anext(reader), SpeechEnded)
        assert now() - begun == pytest.approx(1.5 + 0.2, abs=0.041)


@in_virtual_time
async def test_a_track_that_gives_nothing_more_ends_the_utterance() -> None:
    track = PacedTrack(voice(0.5), endless=True)
    reader = turns(track, detector=Loudness(), settings=SETTINGS)
    now = asyncio.get_running_loop().time
    begun = now()
    async with reader:
        await anext(reader)
        ended = await anext(reader)
        assert isinstance(ended, SpeechEnded)
        assert ended.end == pytest.approx(0.5, abs=0.021)
        assert ended.reason is SpeechEndReason.NO_SOUND
        assert now() - begun == pytest.approx(0.5 + 0.2 + 0.5, abs=0.05)


@in_virtual_time
async def test_an_utterance_ends_with_its_track_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "media.voice")
    (only,) = utterances(
        await all_of(turns(PacedTrack(voice(0.5)), detector=Loudness(), settings=SETTINGS))
    )
    assert only.reason is SpeechEndReason.TRACK_ENDED
    assert len(only.samples) == 8_000
    assert "speech from 0.00 s to 0.50 s (track ended)" in caplog.text


@in_virtual_time
async def test_a_program_that_is_busy_misses_no_utterance() -> None:
    reader = turns(PacedTrack(two_utterances()), detector=Loudness(), settings=SETTINGS)
    events = [await anext(reader)]
    await asyncio.sleep(10)
    events += await all_of(reader)
    assert [round(each.start, 1) for each in utterances(events)] == [0.5, 2.1]
    assert reader.dropped == 0


@pytest.mark.parametrize("taken", [1, 2])
@in_virtual_time
async def test_of_more_utterances_than_can_wait_the_oldest_are_left_out_whole(
    taken: int, caplog: pytest.LogCaptureFixture
) -> None:
    track = PacedTrack(np.concatenate([np.append(voice(0.2), silence(0.4))] * 20))
    reader = turns(track, detector=Loudness(), settings=SETTINGS)
    # The begin of the first utterance alone, or all of it.
    events = [await anext(reader) for _ in range(taken)]
    await asyncio.sleep(20)
    events += await all_of(reader)
    given = utterances(events)
    waited = 8 if taken == 2 else 7
    expected = [0.0, *(round(0.6 * number, 1) for number in range(20 - waited, 20))]
    assert [round(each.start, 1) for each in given] == expected
    assert reader.dropped == 20 - 1 - waited
    assert f"({reader.dropped} so far)" in caplog.text


@in_virtual_time
async def test_a_muted_track_costs_nothing_and_clears_the_memory_of_the_detector() -> None:
    detector = Loudness()
    samples = np.concatenate([silence(10), voice(0.5), silence(10)])
    events = await all_of(turns(PacedTrack(samples), detector=detector, settings=SETTINGS))
    assert len(utterances(events)) == 1
    assert 25 <= detector.calls <= 27
    assert detector.resets == 2


async def test_a_heavy_detector_runs_on_the_executor_of_the_program() -> None:
    detector = Loudness()
    with ThreadPoolExecutor(1) as executor:
        track = GivenTrack("audio", [tone(300, 0.02) for _ in range(20)])
        events = await all_of(turns(track, detector=detector, settings=SETTINGS, executor=executor))
    assert len(utterances(events)) == 1
    assert detector.threads
    assert threading.get_ident() not in detector.threads


async def test_a_track_that_never_waits_lets_the_loop_turn() -> None:
    track = GivenTrack("audio", [tone(300, 0.02) for _ in range(200)])
    reader, turned = turns(track, detector=Loudness(), settings=SETTINGS), 0
    events = asyncio.ensure_future(all_of(reader))
    while not events.done():
        turned += 1
        await asyncio.sleep(0)
    assert len(utterances(events.result())) == 1
    assert turned > 200


async def test_a_minute_in_which_nothing_came_lets_the_loop_turn() -> None:
    frames = [tone(300, 0.2), tone(300, 0.2)]
    for frame, time in zip(frames, (0, 59), strict=True):
        frame.pts, frame.time_base = time * 48_000, Fraction(1, 48_000)
    reader, turned = turns(GivenTrack("audio", frames), detector=Loudness(), settings=SETTINGS), 0
    events = asyncio.ensure_future(all_of(reader))
    while not events.done():
        turned += 1
        await asyncio.sleep(0)
    assert [round(each.start) for each in utterances(events.result())] == [0, 59]
    assert turned > 59 * 50 / 20


@in_virtual_time
async def test_closing_ends_the_iteration_and_leaves_the_track_live() -> None:
    track = PacedTrack(two_utterances())
    reader = turns(track, detector=Loudness(), settings=SETTINGS)
    await anext(reader)
    waiting = asyncio.ensure_future(all_of(reader))
    await asyncio.sleep(0)
    await reader.aclose()
    assert await waiting == []
    assert track.readyState == "live"
    assert await all_of(reader) == []


async def test_a_reader_that_is_closed_before_it_began_reads_nothing() -> None:
    reader = turns(GivenTrack("audio", [tone(300, 0.5)]), detector=Loudness())
    await reader.aclose()
    assert await all_of(reader) == []


async def test_what_is_no_sound_is_refused() -> None:
    with pytest.raises(TypeError, match="VideoFrame"):
        await anext(turns(GivenTrack("video", [flat_picture(16, 16)]), detector=Loudness()))


async def test_a_detector_that_fails_is_told_behind_what_was_heard_before() -> None:
    class Failing(Loudness):
        def probability(self, samples: NDArray[np.int16], /) -> float:
            return 7.0 if self.calls > 10 else super().probability(samples)

    track = GivenTrack("audio", [tone(300, 0.02) for _ in range(30)])
    reader = turns(track, detector=Failing(), settings=SETTINGS)
    assert isinstance(await anext(reader), SpeechStarted)
    with pytest.raises(ValueError, match=r"7\.0 is no probability"):
        await anext(reader)
