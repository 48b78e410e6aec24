"""Audio levels, measured and in their header extension (RFC 6464)."""

from __future__ import annotations

import numpy as np
import pytest
from aiortc.rtp import compute_audio_level_dbov
from av import AudioFrame

from peer.rtp import levels
from peer.rtp.levels import SILENCE, VOICE, AudioLevel, MeasuredLevel, measure
from peer.rtp.malformed import MalformedError
from tests.support.media.frames import sound, tone

FULL = {"u8": 127, "s16": 0x7FFF, "s32": 0x7FFFFFFF, "flt": 1.0, "dbl": 1.0}
TYPES = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}


def sine(kind: str, amplitude: float, *, planar: bool, channels: int = 2) -> AudioFrame:
    """A tone of full scale times the amplitude."""
    wave = amplitude * FULL[kind] * np.sin(np.arange(960) * 2 * np.pi * 20 / 960)
    samples = (wave + (127.5 if kind == "u8" else 0)).astype(TYPES[kind])
    shaped = np.tile(samples, (channels, 1)) if planar else np.repeat(samples, channels)[None, :]
    return AudioFrame.from_ndarray(
        np.ascontiguousarray(shaped),
        format=kind + ("p" if planar else ""),
        layout="mono" if channels == 1 else "stereo",
    )


@pytest.mark.parametrize("planar", [False, True], ids=["packed", "planar"])
@pytest.mark.parametrize("kind", FULL)
@pytest.mark.parametrize(("amplitude", "level"), [(1.0, 3), (0.5, 9), (0.1, 23)])
def test_a_sine_is_as_loud_in_every_format(
    kind: str, amplitude: float, level: int, *, planar: bool
) -> None:
    # The mean square of a sine is half of its peak's: 3 dB.
    assert measure(sine(kind, amplitude, planar=planar)).level == level


def test_a_square_wave_of_full_scale_is_the_loudest() -> None:
    square = np.where(np.arange(960) % 48 < 24, 32767, -32767).astype(np.int16)
    assert measure(sound(square)) == AudioLevel(0, voice=True)


def test_silence_is_the_quietest() -> None:
    assert measure(sound(np.zeros(960, np.int16))) == AudioLevel(SILENCE)


def test_audio_level_next_to_silence_stays_within_seven_bits() -> None:
    samples = np.zeros(48_000, np.int16)
    samples[0] = 1
    assert measure(sound(samples)).level == SILENCE


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_floating_point_that_is_no_number_is_silence_or_loudest(value: float) -> None:
    frame = AudioFrame.from_ndarray(np.full((1, 480), value), format="dblp", layout="mono")
    assert measure(frame).level in (0, SILENCE)


def test_audio_level_is_measured_over_all_channels() -> None:
    one_loud = np.zeros((2, 960), np.int16)
    one_loud[1] = 32767
    frame = AudioFrame.from_ndarray(one_loud, format="s16p", layout="stereo")
    assert measure(frame).level == 3


@pytest.mark.parametrize("amplitude", [0.9, 0.3, 0.02, 0.001])
def test_measured_audio_level_agrees_with_aiortc(amplitude: float) -> None:
    frame = tone(440, 0.02, amplitude=amplitude, channels=1)
    assert measure(frame).level == pytest.approx(-compute_audio_level_dbov(frame), abs=1)


def test_loud_audio_counts_as_voice() -> None:
    loud = measure(tone(440, 0.02, amplitude=0.1))
    quiet = measure(tone(440, 0.02, amplitude=0.001))
    assert loud.voice
    assert loud.level < VOICE < quiet.level
    assert not quiet.voice


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (b"\x00", AudioLevel(0)),
        (b"\x7f", AudioLevel(127)),
        (b"\x80", AudioLevel(0, voice=True)),
        (b"\xad", AudioLevel(45, voice=True)),
    ],
)
def test_a_level_is_one_octet(value: bytes, level: AudioLevel) -> None:
    assert AudioLevel.parse(value) == level
    assert level.write() == value


def test_a_level_of_the_two_byte_form_may_be_padded() -> None:
    # RFC 6464 section 3: a length of 1 and an octet of padding after it.
    assert AudioLevel.parse(b"\x2a\x00") == AudioLevel(42)


def test_an_empty_level_is_malformed() -> None:
    with pytest.raises(MalformedError):
        AudioLevel.parse(b"")


def test_level_of_a_frame_is_measured_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[AudioFrame] = []

    def note(frame: AudioFrame) -> AudioLevel:
        asked.append(frame)
        return measure(frame)

    monkeypatch.setattr(levels, "measure", note)
    frame = sine("s16", 0.5, planar=False)
    level = MeasuredLevel(frame)
    assert asked == []
    assert (level.level, level.voice, level.write()) == (9, True, b"\x89")
    assert asked == [frame]
