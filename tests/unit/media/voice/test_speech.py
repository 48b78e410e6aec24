"""Turns of real speech, judged by the detectors that the extra installs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from media.voice.detectors import SileroDetector, WebRtcDetector
from media.voice.events import SpeechEnded, SpeechStarted
from media.voice.turns import turns
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.media.speech import PacedTrack, silence, spoken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from media.voice.detectors import SpeechDetector

pytestmark = pytest.mark.needs("espeak-ng")
FIRST = "Good morning. I would like to know when the next train leaves."
SECOND = "Thank you very much. That is all that I wanted to hear."


def two_sentences(step: int = 1) -> NDArray[np.int16]:
    """Two utterances, a second and a half apart, at 48 kHz or an integral part of that."""
    samples = np.concatenate(
        [silence(1.0), spoken(FIRST), silence(1.5), spoken(SECOND), silence(1.5)]
    )
    whole = samples[: len(samples) // step * step].reshape(-1, step)
    return np.asarray(whole.mean(axis=1), np.int16)


@pytest.mark.parametrize(
    ("detector", "step"),
    [(SileroDetector, 1), (SileroDetector, 6), (WebRtcDetector, 3)],
    ids=["Silero at 48 kHz", "Silero at 8 kHz", "WebRTC at 16 kHz"],
)
@in_virtual_time
async def test_two_sentences_are_two_utterances(detector: type[SpeechDetector], step: int) -> None:
    track = PacedTrack(two_sentences(step), rate=48_000 // step)
    events = [event async for event in turns(track, detector=detector())]

    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded] * 2
    first, second = events[1::2]
    assert isinstance(first, SpeechEnded)
    assert isinstance(second, SpeechEnded)
    # Where the voice begins and ends; it is silent for some tenths of a second at its end.
    seconds = len(spoken(FIRST)) / 48_000, len(spoken(SECOND)) / 48_000
    assert first.start == pytest.approx(1.0, abs=0.15)
    assert first.end == pytest.approx(1.0 + seconds[0] - 0.2, abs=0.3)
    assert second.start == pytest.approx(2.5 + seconds[0], abs=0.15)
    assert second.end == pytest.approx(2.5 + sum(seconds) - 0.2, abs=0.3)
    # All of the sound is there, and hardly anything else.
    for each, words in ((first, FIRST), (second, SECOND)):
        samples = each.samples.astype(float)
        loud = spoken(words).astype(float)
        assert (samples**2).sum() / 16_000 == pytest.approx((loud**2).sum() / 48_000, rel=0.2)


@pytest.mark.parametrize("loudness", [0.03, 0.2])
@in_virtual_time
async def test_a_soft_voice_in_the_noise_of_a_room_makes_the_same_turns(loudness: float) -> None:
    samples = two_sentences() * loudness
    noise = np.random.default_rng(4).normal(0, 8, len(samples))
    track = PacedTrack((samples + noise).astype(np.int16))
    events = [event async for event in turns(track, detector=SileroDetector())]
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded] * 2


@in_virtual_time
async def test_music_of_tones_and_noise_are_nobodys_turn() -> None:
    at = np.arange(48_000 * 4) / 48_000
    tones = sum(np.sin(2 * np.pi * pitch * at) for pitch in (262, 330, 392)) * 4000
    noise = np.random.default_rng(2).normal(0, 1000, 48_000 * 4)
    track = PacedTrack(np.concatenate([tones, noise]).astype(np.int16))
    assert [event async for event in turns(track, detector=SileroDetector())] == []
