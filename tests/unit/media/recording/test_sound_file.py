from __future__ import annotations

import asyncio
import wave
from typing import TYPE_CHECKING, cast

import av
import numpy as np
import pytest
from av import AudioStream

from media import RecordingError, save_sound
from media.recording.sound_file import SoundFormat
from tests.support.clock.deadline import DEADLINE
from tests.support.media.speaker import TONE, Speaker

if TYPE_CHECKING:
    from pathlib import Path

    from aiortc.mediastreams import MediaStreamTrack
    from numpy.typing import NDArray


def track(speaker: Speaker) -> MediaStreamTrack:
    return cast("MediaStreamTrack", speaker)


def sound_of(path: Path) -> tuple[int, NDArray[np.int16]]:
    """Sample rate and samples of a file, by FFmpeg."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        assert isinstance(stream, AudioStream)
        blocks = [
            block.to_ndarray().reshape(-1)
            for frame in file.decode(stream)
            for block in av.AudioResampler("s16", "mono", frame.sample_rate).resample(frame)
        ]
        return stream.sample_rate, np.concatenate(blocks)


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def level(samples: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("form", list(SoundFormat))
async def test_sound_of_a_speaker_is_saved_at_the_rate_asked_for(
    tmp_path: Path, form: SoundFormat, rate: int
) -> None:
    path = tmp_path / f"alice.{form.value}"
    assert await save_sound(track(Speaker(2.0)), path, rate=rate) == pytest.approx(2.0, abs=0.5)
    shown, samples = sound_of(path)
    # A decoder of Opus gives 48 kHz, whatever was encoded (RFC 7845 section 5.1).
    assert shown == (48_000 if form is SoundFormat.OGG else rate)
    middle = samples[shown // 2 : shown // 2 + shown]
    pitch = np.argmax(np.abs(np.fft.rfft(middle.astype(float))))
    assert abs(pitch - TONE) <= 1
    assert level(middle) == pytest.approx(12_000 / np.sqrt(2), rel=0.1)


async def test_a_gap_in_the_call_is_silence_of_its_length_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "alice.wav"
    await save_sound(track(Speaker(2.0, gap=3.0)), path, rate=16_000)
    rate, samples = sound_of(path)
    assert len(samples) / rate == pytest.approx(5.0, abs=0.5)
    assert level(samples[round(1.2 * rate) : round(3.8 * rate)]) == 0
    assert level(samples[round(4.2 * rate) : round(4.8 * rate)]) > 5_000


@pytest.mark.parametrize("form", list(SoundFormat))
async def test_saved_sound_is_complete_where_the_caller_is_cancelled(
    tmp_path: Path, form: SoundFormat
) -> None:
    path = tmp_path / f"alice.{form.value}"
    speaker = Speaker(3.0, then_waits=True)
    saving = asyncio.create_task(save_sound(track(speaker), path))
    async with asyncio.timeout(DEADLINE):
        await speaker.all_given.wait()
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
    rate, samples = sound_of(path)
    # What does not fill a block yet is left out.
    assert len(samples) / rate >= 2.4


async def test_wav_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "alice.wav"
    speaker = Speaker(3.0, then_waits=True)
    saving = asyncio.create_task(save_sound(track(speaker), path))
    async with asyncio.timeout(DEADLINE):
        await speaker.all_given.wait()
        with wave.open(str(path)) as file:
            assert file.getnframes() >= 2.4 * 16_000
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving


async def test_a_sound_file_that_is_there_already_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "alice.wav"
    path.write_bytes(b"kept")
    with pytest.raises(RecordingError, match="File exists"):
        await save_sound(track(Speaker(1.0)), path)
    assert path.read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("name", "rate", "words"),
    [
        ("alice.mp3", 16_000, "saved as .wav, .flac, .ogg, not .mp3"),
        ("alice", 16_000, "not ."),
        ("alice.ogg", 22_050, "Ogg has a rate of 8000"),
        ("alice.wav", 7, "not 7"),
    ],
)
async def test_what_cannot_be_saved_is_refused_before_anything_is_written(
    tmp_path: Path, name: str, rate: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        await save_sound(track(Speaker(1.0)), tmp_path / name, rate=rate)
    assert files_in(tmp_path) == []


async def test_a_track_that_says_nothing_leaves_no_file(tmp_path: Path) -> None:
    assert await save_sound(track(Speaker(0.0)), tmp_path / "alice.wav") == 0
    assert files_in(tmp_path) == []
