from __future__ import annotations

import asyncio
import errno
import io
import subprocess
import sys
import threading
import wave
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from av import AudioFrame, VideoFrame
from av.packet import Packet

from peer.compat.contrib.media import MediaPlayer
from peer.rtp.tracks import MediaStreamError, MediaStreamTrack
from tests.support.clock.deadline import DEADLINE
from tests.support.media.clips import luma_of, make_clip
from tests.support.negotiation.connections import within

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drop no frame of a machine that stands still for a while: these tests count frames."""
    monkeypatch.setattr("media.sources.file_track.LATE", DEADLINE)


async def play(track: MediaStreamTrack | None, count: int | None = None) -> list[Any]:
    """What a track gives, all of it where no count is said."""
    assert track is not None
    given: list[Any] = []
    while count is None or len(given) < count:
        try:
            given.append(await within(track.recv()))
        except MediaStreamError:
            break
    return given


def luma(frame: object) -> int:
    assert isinstance(frame, VideoFrame)
    return int(frame.to_ndarray(format="yuv420p")[32, 32])


def stop(player: MediaPlayer) -> None:
    for track in (player.audio, player.video):
        if track is not None:
            track.stop()


async def test_a_player_gives_frames_of_aiortcs_form_until_the_file_ends(tmp_path: Path) -> None:
    player = MediaPlayer(str(make_clip(tmp_path / "a.webm", seconds=0.5)))
    assert player.audio is not None
    assert player.video is not None
    sound, pictures = await asyncio.gather(play(player.audio), play(player.video))
    assert len(pictures) == 15
    assert len(sound) >= 24
    assert all(isinstance(frame, AudioFrame) for frame in sound)
    forms = {
        (frame.format.name, frame.layout.name, frame.sample_rate, frame.samples) for frame in sound
    }
    assert forms == {("s16", "stereo", 48_000, 960)}
    assert [luma(frame) for frame in pictures] == pytest.approx(
        [luma_of(number) for number in range(15)], abs=6
    )
    assert pictures[10].time == pytest.approx(10 / 30, abs=0.005)
    assert sound[10].time == pytest.approx(0.2, abs=0.02)
    assert (player.audio.readyState, player.video.readyState) == ("ended", "ended")
    with pytest.raises(MediaStreamError):
        await player.audio.recv()


async def test_pictures_that_a_decoder_holds_until_the_end_are_played(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "x264-params": "bframes=3:b-adapt=0"}
    clip = make_clip(tmp_path / "a.ts", seconds=0.5, video="libx264", audio=None, options=options)
    pictures = await play(MediaPlayer(str(clip)).video)
    assert [luma(frame) for frame in pictures] == pytest.approx(
        [luma_of(number) for number in range(15)], abs=6
    )
    assert all(b.pts - a.pts == 3_000 for a, b in pairwise(pictures))


async def test_a_player_reads_a_file_like_object(tmp_path: Path) -> None:
    data = io.BytesIO(make_clip(tmp_path / "a.webm", seconds=0.3).read_bytes())
    player = MediaPlayer(data)
    sound, pictures = await asyncio.gather(play(player.audio), play(player.video))
    assert len(pictures) == 9
    assert len(sound) >= 13


def test_a_player_of_a_missing_file_raises_what_libav_says(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        MediaPlayer(str(tmp_path / "none.mp4"))
    assert isinstance(raised.value, av.error.FFmpegError)


def test_a_player_repeats_no_file_without_a_length(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.ts", seconds=0.2, video="libx264", audio=None)

    class Pipe(io.RawIOBase):
        """Bytes that cannot be sought in."""

        def __init__(self) -> None:
            self._bytes = io.BytesIO(clip.read_bytes())

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return False

        def readinto(self, buffer: Any) -> int:
            return self._bytes.readinto(buffer)

    with pytest.raises(AssertionError, match="seekable file"):
        MediaPlayer(Pipe(), loop=True)


@pytest.mark.parametrize("decode", [True, False])
async def test_a_repeated_file_goes_on_without_a_jump_of_timestamps(
    tmp_path: Path, decode: bool
) -> None:
    clip = make_clip(tmp_path / "a.webm", seconds=0.3)
    player = MediaPlayer(str(clip), loop=True, decode=decode)
    sound, pictures = await asyncio.gather(play(player.audio, 40), play(player.video, 25))
    stop(player)
    assert all(0 < b.pts - a.pts < 0.08 * 90_000 for a, b in pairwise(pictures))
    assert all(0 < b.pts - a.pts < 0.045 * 48_000 for a, b in pairwise(sound))
    end = [float(each[-1].pts * each[-1].time_base) for each in (sound, pictures)]
    assert end == pytest.approx([0.78, 0.8], abs=0.1)
    if decode:
        assert luma(pictures[9]) == pytest.approx(luma_of(0), abs=6)


async def test_a_track_goes_on_when_the_other_is_stopped(tmp_path: Path) -> None:
    player = MediaPlayer(str(make_clip(tmp_path / "a.webm", seconds=0.5)))
    await asyncio.gather(play(player.audio, 3), play(player.video, 3))
    assert player.audio is not None
    player.audio.stop()
    with pytest.raises(MediaStreamError):
        await player.audio.recv()
    assert len(await play(player.video)) == 12


async def test_sound_alone_can_be_played_of_a_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peer.compat.contrib.packet_feed.ROOM", 0.2)
    player = MediaPlayer(str(make_clip(tmp_path / "a.webm", seconds=1.0)))
    assert len(await play(player.audio)) >= 48
    stop(player)


async def test_a_track_that_is_read_no_more_does_not_hold_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peer.compat.contrib.packet_feed.ROOM", 0.2)
    monkeypatch.setattr("peer.compat.contrib.packet_feed._UNREAD", 0.05)
    player = MediaPlayer(str(make_clip(tmp_path / "a.webm", seconds=1.0)), loop=True)
    await play(player.video, 2)
    assert len(await play(player.audio, 55)) == 55
    assert len(await play(player.video, 3)) == 3
    stop(player)


async def test_packets_of_a_container_come_as_a_peer_can_take_them(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", seconds=0.5, video="libx264")
    player = MediaPlayer(str(clip), decode=False)
    sound, pictures = await asyncio.gather(play(player.audio), play(player.video))
    assert all(isinstance(packet, Packet) for packet in [*sound, *pictures])
    assert len(pictures) == 15
    # Annex B, with the parameter sets in front of a key frame (RFC 6184 section 8.2.2).
    assert bytes(pictures[0])[:5] == b"\0\0\0\1\x67"
    assert [packet.is_keyframe for packet in pictures] == [n % 10 == 0 for n in range(15)]
    assert float(pictures[3].pts * pictures[3].time_base) == pytest.approx(0.1, abs=0.005)


def test_streams_that_have_to_be_decoded_have_no_track_of_packets(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", seconds=0.2, video="mpeg4", audio="aac")
    player = MediaPlayer(str(clip), decode=False)
    assert player.audio is None
    assert player.video is None


async def test_g711_of_a_file_comes_in_packets_of_20_ms(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_mulaw", rate=8_000, layout="mono")
        frame = AudioFrame.from_ndarray(np.zeros((1, 3_200), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 8_000, 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    packets = await play(MediaPlayer(str(path), decode=False).audio)
    assert [len(bytes(packet)) for packet in packets] == [160] * 20
    assert [packet.pts for packet in packets] == list(range(0, 3_200, 160))


async def test_a_player_asks_again_where_a_device_has_nothing_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = av.open(str(make_clip(tmp_path / "a.webm", seconds=0.2)))

    class Slow:
        """Container that has nothing when it is asked first."""

        asked = 0

        def demux(self, *streams: Any) -> Iterator[Packet[Any]]:
            self.asked += 1
            if self.asked == 1:
                raise av.FFmpegError(errno.EAGAIN, "EAGAIN")
            return real.demux(*streams)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr(av, "open", lambda **_: Slow())
    assert len(await play(MediaPlayer("a.webm").video)) == 6


async def test_a_track_that_is_stopped_ends_its_wait_for_a_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = av.open(str(make_clip(tmp_path / "a.webm", seconds=0.2)))
    asked, closed = threading.Event(), threading.Event()

    class Silent:
        """Container that never has anything."""

        def demux(self, *_: Any) -> Iterator[Packet[Any]]:
            asked.set()
            raise av.FFmpegError(errno.EAGAIN, "EAGAIN")

        def close(self) -> None:
            closed.set()

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr(av, "open", lambda **_: Silent())
    player = MediaPlayer("a.webm")
    assert player.video is not None
    read = asyncio.create_task(player.video.recv())
    await asyncio.to_thread(asked.wait, DEADLINE)
    stop(player)
    with pytest.raises(MediaStreamError):
        await within(read)
    assert await asyncio.to_thread(closed.wait, DEADLINE)


async def test_a_file_that_gives_nothing_is_not_repeated_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = av.open(str(make_clip(tmp_path / "a.webm", seconds=0.2)))

    class Empty:
        """Container without a packet."""

        def demux(self, *_: Any) -> Iterator[Packet[Any]]:
            return iter(())

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr(av, "open", lambda **_: Empty())
    assert not await play(MediaPlayer("a.webm", loop=True).video)


async def test_a_damaged_file_ends_a_track_and_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = make_clip(tmp_path / "a.webm", seconds=0.5).read_bytes()

    class Broken(io.BytesIO):
        """File whose second half cannot be read."""

        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > len(whole) // 2:
                raise OSError(errno.EIO, "the disk is gone")
            return super().read(1024)

    player = MediaPlayer(Broken(whole))
    pictures = await play(player.video)
    assert len(pictures) < 15
    assert "ended" in caplog.text


async def test_silence_of_wave_files_is_played(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setframerate(8_000)
        writer.setsampwidth(2)
        writer.writeframes(bytes(8_000))
    sound = await play(MediaPlayer(str(path)).audio)
    assert [frame.pts for frame in sound] == [960 * n for n in range(len(sound))]
    assert len(sound) >= 24


def test_a_player_that_was_not_stopped_keeps_no_program_from_its_end(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from peer.compat.contrib.media import MediaPlayer

async def main():
    player = MediaPlayer(sys.argv[1], loop=True)
    await asyncio.gather(player.audio.recv(), player.video.recv())
    print("played", flush=True)

asyncio.run(main())
"""
    clip = make_clip(tmp_path / "a.webm", seconds=0.5)
    done = subprocess.run(
        [sys.executable, "-c", program, str(clip)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    assert done.stdout == "played\n"
