from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.voice.events import SpeechEnded, SpeechEndReason, SpeechStarted, TurnEvent
from media.voice.settings import TurnSettings
from media.voice.turn_detector import TurnDetector

#: Samples of a window, of which there are 50 a second.
WINDOW = 320
#: What each digit of a script says is the probability in tenths; a window each.
SETTINGS = TurnSettings(minimum_speech=0.06, hangover=0.2, padding=0.1, longest=10.0)


class Script:
    """A detector that is told by digits what each window is; each window holds its own number."""

    def __init__(self, settings: TurnSettings = SETTINGS) -> None:
        self.turns = TurnDetector(settings)
        self.number = 0

    def hear(self, digits: str) -> list[TurnEvent]:
        events: list[TurnEvent] = []
        for digit in digits:
            window = np.full(WINDOW, self.number, np.int16)
            self.number += 1
            events += self.turns.add(window, int(digit) / 10)
        return events


def windows_of(event: TurnEvent) -> list[int]:
    assert isinstance(event, SpeechEnded)
    assert len(event.samples) % WINDOW == 0
    return [int(number) for number in event.samples[::WINDOW]]


def span(event: TurnEvent) -> tuple[float, float]:
    assert isinstance(event, SpeechEnded)
    return round(event.start, 6), round(event.end, 6)


def test_an_utterance_is_its_speech_with_a_little_before_and_after_it() -> None:
    script = Script()
    assert script.hear("0" * 50 + "99") == []
    (started,) = script.hear("9")
    assert started == SpeechStarted(start=1.0, noticed=1.06)
    assert script.turns.speaking
    assert script.hear("9" * 47 + "0" * 9) == []
    (ended,) = script.hear("0")
    assert isinstance(ended, SpeechEnded)
    assert span(ended) == (1.0, 2.0)
    assert ended.reason is SpeechEndReason.SILENCE
    assert ended.lead == pytest.approx(0.1)
    assert windows_of(ended) == list(range(45, 105))
    assert not script.turns.speaking


def test_speech_begins_above_the_threshold_and_goes_on_down_to_the_release() -> None:
    script = Script()
    assert script.hear("4" * 50) == []
    (started,) = script.hear("5444")
    assert started == SpeechStarted(start=1.0, noticed=1.06)
    # A pause is a pause until it is clearly speech again.
    assert script.hear("4" * 50) == []
    ended = script.hear("3" + "4" * 9)
    assert [span(each) for each in ended] == [(1.0, 2.08)]


def test_a_pause_shorter_than_the_hangover_is_part_of_the_utterance() -> None:
    script = Script()
    events = script.hear("999" + "0" * 9 + "999" + "0" * 10)
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded]
    assert span(events[1]) == (0.0, 0.3)


def test_two_utterances_share_no_sample() -> None:
    script = Script(TurnSettings(minimum_speech=0.06, hangover=0.1, padding=0.1))
    events = script.hear("000999" + "0" * 5 + "0999" + "0" * 9)
    first, second = windows_of(events[1]), windows_of(events[3])
    assert first == list(range(11))
    assert second == list(range(11, 20))
    assert isinstance(events[3], SpeechEnded)
    assert events[3].lead == pytest.approx(0.02)


@pytest.mark.parametrize("noise", ["9900", "90", "990900"])
def test_noises_shorter_than_the_minimum_are_no_turn_however_long_they_go_on(noise: str) -> None:
    script = Script(TurnSettings(minimum_speech=0.06, hangover=0.2, padding=0.1))
    assert script.hear("0" * 20 + noise * 500) == []
    # Nothing is kept of it.
    assert sum(map(len, script.turns._kept)) <= WINDOW * 50  # noqa: SLF001 - a leak shows nowhere else
    # Speech behind it begins where it does.
    assert isinstance(script.hear("000999")[0], SpeechStarted)


def test_a_window_that_was_not_heard_well_does_not_hide_the_begin_of_speech() -> None:
    script = Script()
    assert script.hear("0" * 10 + "9909") == []
    assert script.hear("9") == [SpeechStarted(start=0.2, noticed=0.3)]


def test_an_utterance_without_end_is_given_in_parts_that_lose_no_sample() -> None:
    script = Script(TurnSettings(minimum_speech=0.06, hangover=0.2, padding=0.1, longest=1.0))
    events = script.hear("9" * 120 + "0" * 10)
    parts = [event for event in events if isinstance(event, SpeechEnded)]
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded] * 3
    assert [span(each) for each in parts] == [(0.0, 1.0), (1.0, 2.0), (2.0, 2.4)]
    too_long, silence = SpeechEndReason.TOO_LONG, SpeechEndReason.SILENCE
    assert [each.reason for each in parts] == [too_long, too_long, silence]
    assert [n for each in parts for n in windows_of(each)] == list(range(125))
    assert [each.lead for each in parts] == [0.0, 0.0, 0.0]


def test_an_utterance_that_is_longest_in_a_pause_is_over() -> None:
    script = Script(TurnSettings(minimum_speech=0.06, hangover=0.2, padding=0.1, longest=1.0))
    events = script.hear("9" * 45 + "0" * 20)
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded]
    assert span(events[1]) == (0.0, 0.9)


def test_what_goes_on_when_nothing_more_comes_is_given() -> None:
    script = Script()
    script.hear("999990")
    (ended,) = script.turns.end(SpeechEndReason.TRACK_ENDED)
    assert isinstance(ended, SpeechEnded)
    assert (span(ended), ended.reason) == ((0.0, 0.1), SpeechEndReason.TRACK_ENDED)
    assert script.turns.end(SpeechEndReason.TRACK_ENDED) == []


def test_speech_that_had_not_counted_yet_does_not_count_across_an_interruption() -> None:
    script = Script()
    script.hear("99")
    assert script.turns.end(SpeechEndReason.NO_SOUND) == []
    assert script.hear("99") == []
    assert script.hear("9") == [SpeechStarted(start=0.04, noticed=0.1)]


def test_a_year_of_silence_keeps_no_more_than_the_padding() -> None:
    script = Script()
    script.hear("0" * 5000)
    assert sum(map(len, script.turns._kept)) <= 6 * WINDOW  # noqa: SLF001 - a leak shows nowhere else


def test_samples_are_copied_as_a_program_may_use_its_buffer_again() -> None:
    turns, buffer = TurnDetector(SETTINGS), np.full(WINDOW, 7, np.int16)
    for _ in range(5):
        turns.add(buffer, 1.0)
    buffer[:] = 0
    (ended,) = turns.end(SpeechEndReason.TRACK_ENDED)
    assert isinstance(ended, SpeechEnded)
    assert (ended.samples == 7).all()


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=30),
    st.builds(
        TurnSettings,
        minimum_speech=st.floats(0, 0.5),
        hangover=st.floats(0, 1),
        padding=st.floats(0, 1),
        longest=st.floats(1, 4),
    ),
)
def test_utterances_are_told_in_turn_and_no_sample_is_in_two_of_them(
    spells: list[tuple[int, int]], settings: TurnSettings
) -> None:
    turns, events, number = TurnDetector(settings, rate=1_000), [], 0
    for digit, windows in spells:
        for _ in range(windows):
            samples = np.arange(number, number + 20)
            number += 20
            events += turns.add(samples.astype(np.int16), digit / 9)
            # What is kept is never more than an utterance and what is before it.
            limit = settings.longest + settings.padding + settings.minimum_speech + 0.04
            kept = sum(map(len, turns._kept))  # noqa: SLF001 - a leak shows nowhere else
            assert kept <= 1_000 * (limit + settings.hangover)
    events += turns.end(SpeechEndReason.TRACK_ENDED)
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded] * (len(events) // 2)
    heard_until = 0
    for started, ended in zip(events[::2], events[1::2], strict=True):
        assert isinstance(started, SpeechStarted)
        assert isinstance(ended, SpeechEnded)
        assert started.start == ended.start < ended.end <= number / 1_000
        first = round((ended.start - ended.lead) * 1_000)
        assert heard_until <= first
        heard_until = first + len(ended.samples)
        assert ended.samples.tolist() == list(range(first, heard_until))
        assert heard_until >= round(ended.end * 1_000)


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused_and_changes_nothing(probability: float) -> None:
    script = Script()
    with pytest.raises(ValueError, match="no probability of speech"):
        script.turns.add(np.zeros(WINDOW, np.int16), probability)
    assert script.hear("999") == [SpeechStarted(start=0.0, noticed=0.06)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0.3}, "threshold 0.3, release 0.35"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"release": 0.0}, "release 0.0"),
        ({"release": math.nan}, "release nan"),
        ({"hangover": -1.0}, "hangover of -1.0 s"),
        ({"padding": 31.0}, "padding of 31.0 s in utterances of 30.0 s"),
        ({"minimum_speech": math.nan}, "minimum_speech of nan s"),
        ({"longest": math.inf}, "utterances of inf s"),
        ({"longest": 0.0}, "utterances of 0.0 s"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TurnSettings(**settings)
