from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from media import SyntheticAudioTrack, ToneMeter
from media.mixing import AudioMixer
from peer.rtp_parameters import MediaKind
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.media.frames import GivenTrack, flat_picture, tone
from tests.support.rtp.parameters import QueueTrack

if TYPE_CHECKING:
    from numpy.typing import NDArray

PITCHES = (440, 1000, 1700)


def strengths(frames: list[AudioFrame]) -> dict[int, float]:
    """How strong each of the pitches is, as an amplitude, in the last half second."""
    channels = frames[0].layout.nb_channels
    samples = np.concatenate([f.to_ndarray().reshape(-1, channels)[:, 0] for f in frames])
    last: NDArray[np.float64] = samples[-24_000:] / 32767
    spectrum = np.abs(np.fft.rfft(last * np.hanning(len(last)))) * 4 / len(last)
    return {pitch: round(float(spectrum[pitch // 2]), 2) for pitch in PITCHES}


async def heard(track: MediaStreamTrack, count: int = 40) -> list[AudioFrame]:
    frames = [await track.recv() for _ in range(count)]
    assert all(isinstance(frame, AudioFrame) for frame in frames)
    return [frame for frame in frames if isinstance(frame, AudioFrame)]


@in_virtual_time
async def test_every_input_is_heard() -> None:
    async with AudioMixer() as mixer:
        for pitch in PITCHES:
            mixer.add(SyntheticAudioTrack(pitch=pitch, amplitude=0.2))
        found = strengths(await heard(mixer.track()))
        assert found == dict.fromkeys(PITCHES, pytest.approx(0.2, abs=0.02))


@in_virtual_time
async def test_frames_are_20_ms_of_48_khz_at_their_pace() -> None:
    async with AudioMixer(channels=2) as mixer:
        mixer.add(SyntheticAudioTrack())
        loop = asyncio.get_running_loop()
        begun = loop.time()
        frames = await heard(mixer.track(), 50)
        assert loop.time() - begun == pytest.approx(0.98, abs=0.001)
        assert [frame.pts for frame in frames] == [960 * n for n in range(50)]
        assert {(f.sample_rate, f.samples, f.layout.name, f.format.name) for f in frames} == {
            (48_000, 960, "stereo", "s16")
        }


@in_virtual_time
async def test_each_participant_hears_the_others() -> None:
    async with AudioMixer() as mixer:
        tracks = [SyntheticAudioTrack(pitch=pitch) for pitch in PITCHES]
        for track in tracks:
            mixer.add(track)
        outputs = [mixer.track(without=track) for track in tracks]
        found = await asyncio.gather(*(heard(output) for output in outputs))
        for own, frames in zip(PITCHES, found, strict=True):
            assert strengths(frames) == {
                pitch: pytest.approx(0 if pitch == own else 0.2, abs=0.02) for pitch in PITCHES
            }


@in_virtual_time
async def test_inputs_come_and_go() -> None:
    async with AudioMixer() as mixer:
        first, second = (SyntheticAudioTrack(pitch=pitch) for pitch in PITCHES[:2])
        output = mixer.track()
        assert strengths(await heard(output))[440] == 0
        mixer.add(first)
        assert strengths(await heard(output))[440] == pytest.approx(0.2, abs=0.02)
        mixer.add(second)
        mixer.remove(first)
        assert mixer.inputs == (second,)
        assert strengths(await heard(output)) == {
            440: pytest.approx(0, abs=0.01),
            1000: pytest.approx(0.2, abs=0.02),
            1700: 0,
        }
        assert first.readyState == "live"


@in_virtual_time
async def test_an_input_that_ends_leaves() -> None:
    async with AudioMixer() as mixer:
        track = GivenTrack("audio", [tone(440, 0.02) for _ in range(3)])
        left: list[object] = []
        mixer.on("left", lambda *what: left.append(what))
        mixer.add(track)
        output = mixer.track()
        await heard(output, 5)
        assert mixer.inputs == ()
        assert left == [(track, None)]
        await heard(output, 5)


@in_virtual_time
async def test_an_input_that_fails_leaves_and_the_others_go_on() -> None:
    async with AudioMixer() as mixer:
        broken = QueueTrack(MediaKind.AUDIO)
        left: list[object] = []
        mixer.on("left", lambda *what: left.append(what))
        mixer.add(broken)
        mixer.add(SyntheticAudioTrack(pitch=440))
        failure = RuntimeError("the microphone fell off")
        broken.push(tone(1000, 0.02), failure)
        frames = await heard(mixer.track())
        assert left == [(broken, failure)]
        assert strengths(frames)[440] == pytest.approx(0.2, abs=0.02)


@in_virtual_time
async def test_what_is_no_sound_leaves() -> None:
    async with AudioMixer() as mixer:
        track = GivenTrack("audio", [flat_picture(16, 16)])
        mixer.add(track)
        await heard(mixer.track(), 2)
        assert mixer.inputs == ()


@in_virtual_time
async def test_together_too_loud_is_turned_down() -> None:
    async with AudioMixer() as mixer:
        for pitch in PITCHES:
            mixer.add(SyntheticAudioTrack(pitch=pitch, amplitude=0.9))
        frames = await heard(mixer.track(), 60)
        samples = np.concatenate([f.to_ndarray().ravel() for f in frames]).astype(int)
        assert abs(samples).max() <= 32767
        # Clipping would leave whole runs at full scale.
        assert (abs(samples) >= 32700).sum() < 100
        assert min(strengths(frames).values()) > 0.2


@in_virtual_time
async def test_gain_and_level() -> None:
    async with AudioMixer() as mixer:
        loud, quiet = SyntheticAudioTrack(amplitude=0.5), SyntheticAudioTrack(amplitude=0.5)
        mixer.add(loud)
        mixer.add(quiet, gain=0.01)
        await asyncio.sleep(0.5)
        assert (mixer.level(loud).level, mixer.level(loud).voice) == (9, True)
        assert mixer.level(quiet).level == 49
        assert mixer.level(SyntheticAudioTrack()).level == 127
        loud.stop()
        await asyncio.sleep(0.5)
        assert mixer.level(loud).level == 127


@in_virtual_time
async def test_who_sends_nothing_more_is_silent() -> None:
    async with AudioMixer() as mixer:
        track = QueueTrack(MediaKind.AUDIO)
        mixer.add(track)
        track.push(tone(440, 0.02))
        await asyncio.sleep(0.1)
        assert mixer.level(track).voice
        await asyncio.sleep(0.2)
        assert mixer.level(track).level == 127


@in_virtual_time
async def test_a_track_that_never_waits_stops_nobody() -> None:
    async with AudioMixer() as mixer:
        track = GivenTrack("audio", [tone(440, 0.02) for _ in range(100)])
        mixer.add(track)
        for _ in range(50):
            await asyncio.sleep(0)
        assert mixer.inputs == (track,)


@in_virtual_time
async def test_silence_is_mixed_of_nothing() -> None:
    async with AudioMixer() as mixer:
        mixer.add(SyntheticAudioTrack(amplitude=0))
        mixer.add(QueueTrack(MediaKind.AUDIO))
        frames = await heard(mixer.track())
        assert not any(frame.to_ndarray().any() for frame in frames)


@in_virtual_time
async def test_a_reader_who_pauses_gets_what_is_said_now_at_the_right_time() -> None:
    async with AudioMixer() as mixer:
        mixer.add(SyntheticAudioTrack(pitch=440))
        output = mixer.track()
        await heard(output, 10)
        await asyncio.sleep(60)
        frames = await heard(output, 2)
        assert frames[0].pts is not None
        assert frames[0].pts / 48_000 == pytest.approx(60.2, abs=0.05)


@in_virtual_time
async def test_a_reader_who_is_slow_loses_the_oldest() -> None:
    async with AudioMixer() as mixer:
        output = mixer.track()
        await heard(output, 1)
        await asyncio.sleep(0.7)
        (frame,) = await heard(output, 1)
        assert frame.pts is not None
        assert 0.4 < frame.pts / 48_000 < 0.7


@in_virtual_time
async def test_a_track_that_is_stopped_leaves_the_others() -> None:
    async with AudioMixer() as mixer:
        one, other = mixer.track(), mixer.track()
        await heard(one, 2)
        one.stop()
        with pytest.raises(MediaStreamError):
            await one.recv()
        await heard(other, 2)


@in_virtual_time
async def test_closing_ends_tracks_that_wait_and_leaves_inputs_alone() -> None:
    mixer = AudioMixer()
    track = SyntheticAudioTrack()
    mixer.add(track)
    output = mixer.track()
    await heard(output, 1)
    waiting = asyncio.create_task(output.recv())
    await asyncio.sleep(0)
    await mixer.close()
    await mixer.close()
    with pytest.raises(MediaStreamError):
        await waiting
    assert (output.readyState, track.readyState) == ("ended", "live")
    with pytest.raises(MediaStreamError):
        await mixer.track().recv()
    with pytest.raises(ValueError, match="closed"):
        mixer.add(track)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@in_virtual_time
async def test_stereo_stays_apart() -> None:
    async with AudioMixer(channels=2) as mixer:
        track = QueueTrack(MediaKind.AUDIO)
        mixer.add(track)
        samples = np.zeros((1, 1920), dtype=np.int16)
        samples[0, ::2] = 8000
        for _ in range(3):
            frame = AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            frame.sample_rate = 48_000
            track.push(frame)
        frames = await heard(mixer.track(), 3)
        found = frames[-1].to_ndarray().reshape(-1, 2)
        assert found[480].tolist() == pytest.approx([8000, 0], abs=2)


@in_virtual_time
async def test_a_mix_can_be_metered() -> None:
    async with AudioMixer() as mixer:
        mixer.add(SyntheticAudioTrack(pitch=523.25))
        meter, output = ToneMeter(), mixer.track()
        for frame in await heard(output, 40):
            meter.hear(frame)
        assert meter.measure().pitch == pytest.approx(523.25, abs=1)


async def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match="3 channels"):
        AudioMixer(channels=3)
    with pytest.raises(ValueError, match="not video"):
        AudioMixer().add(GivenTrack("video", []))
