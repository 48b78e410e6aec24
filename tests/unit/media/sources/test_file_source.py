from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from media.sources.errors import MissingError, SourceError, UnpassableError, UnreadableError
from media.sources.file_source import FileSource
from peer import EncodedFrame
from tests.support.clock.own_time import own_time
from tests.support.media.clips import luma_of, make_clip
from tests.support.negotiation.connections import within

if TYPE_CHECKING:
    from pathlib import Path

    from media.sources.file_track import FileTrack


async def play(track: FileTrack | None, count: int | None = None) -> list[EncodedFrame]:
    """Encoded frames, all where no count is said."""
    assert track is not None
    frames: list[EncodedFrame] = []
    while count is None or len(frames) < count:
        try:
            frame = await within(track.recv())
        except MediaStreamError:
            break
        assert isinstance(frame, EncodedFrame)
        frames.append(frame)
    return frames


async def picture(source: FileSource) -> VideoFrame:
    assert source.video is not None
    frame = await within(source.video.recv())
    assert isinstance(frame, VideoFrame)
    return frame


async def test_both_tracks_play_in_real_time_to_the_end(tmp_path: Path) -> None:
    source = await FileSource.open(make_clip(tmp_path / "a.webm"), decode=False)
    ended = asyncio.Event()
    source.on("ended", ended.set)
    begun = asyncio.get_running_loop().time()
    with own_time() as own:
        pictures, sound = await asyncio.gather(play(source.video), play(source.audio))
    took = asyncio.get_running_loop().time() - begun
    assert (len(pictures), len(sound)) == (30, 50)
    # A busy machine may take longer, but not of what the program itself does.
    assert took > 0.95
    assert own.seconds < 2.0
    await within(ended.wait())
    # Sound and picture on one clock.
    assert pictures[15].wall_clock is not None
    assert sound[25].wall_clock is not None
    between = sound[25].pts / 48_000 - pictures[15].pts / 90_000
    assert sound[25].wall_clock - pictures[15].wall_clock == pytest.approx(between, abs=0.005)


async def test_decoded_frames(tmp_path: Path) -> None:
    source = FileSource(make_clip(tmp_path / "a.webm", seconds=0.2))
    assert source.audio is not None
    assert source.duration == pytest.approx(0.2, abs=0.02)
    sound, shown = await within(asyncio.gather(source.audio.recv(), picture(source)))
    assert isinstance(sound, AudioFrame)
    assert (sound.sample_rate, sound.samples, sound.format.name) == (48_000, 960, "s16")
    assert int(shown.to_ndarray(format="yuv420p")[32, 32]) == pytest.approx(luma_of(0), abs=6)
    source.stop()


async def test_first_picture_of_a_file_whose_start_is_no_whole_microsecond(tmp_path: Path) -> None:
    # A transport stream begins at 6000/90000 s here, which libav says as 66667 microseconds.
    options = {"preset": "ultrafast", "x264-params": "bframes=3:b-adapt=0"}
    clip = make_clip(tmp_path / "a.ts", seconds=0.2, video="libx264", audio=None, options=options)
    source = FileSource(clip)
    shown = await picture(source)
    assert int(shown.to_ndarray(format="yuv420p")[32, 32]) == pytest.approx(luma_of(0), abs=2)
    source.stop()


async def test_it_begins_again_without_a_jump_in_time(tmp_path: Path) -> None:
    source = FileSource(make_clip(tmp_path / "a.webm", seconds=0.3), loop=True, decode=False)
    pictures, sound = await asyncio.gather(play(source.video, 30), play(source.audio, 50))
    assert all(0 < b.pts - a.pts < 4500 for a, b in pairwise(pictures))
    assert all(0 < b.pts - a.pts < 2000 for a, b in pairwise(sound))
    assert (pictures[-1].pts / 90_000) == pytest.approx(sound[-1].pts / 48_000, abs=0.1)
    source.stop()


@pytest.mark.parametrize("decode", [True, False])
async def test_a_seek_changes_what_is_shown_and_not_how_time_goes_on(
    tmp_path: Path, decode: bool
) -> None:
    source = FileSource(make_clip(tmp_path / "a.webm", seconds=5), decode=decode)
    assert source.video is not None
    assert source.audio is not None
    before = [await within(source.video.recv()) for _ in range(3)]
    begun = asyncio.get_running_loop().time()
    await within(source.audio.recv())
    found = await within(source.seek(4.1))
    assert found == pytest.approx(4.1 if decode else 4.0, abs=0.01)
    shown, sound = await within(asyncio.gather(source.video.recv(), source.audio.recv()))
    assert shown.pts is not None
    assert sound.pts is not None
    assert before[-1].pts is not None
    # Time goes on as long as the seek takes.
    took = asyncio.get_running_loop().time() - begun
    assert before[-1].pts < shown.pts < before[-1].pts + 90_000 * (0.5 + took)
    assert sound.pts / 48_000 == pytest.approx(shown.pts / 90_000, abs=0.06)
    assert source.position == pytest.approx(found, abs=0.5 + took)
    if isinstance(shown, VideoFrame):
        luma = int(shown.to_ndarray(format="yuv420p")[32, 32])
        assert luma == pytest.approx(luma_of(123), abs=6)
    else:
        assert shown.keyframe
    for outside in (-1.0, 6.0):
        with pytest.raises(ValueError, match="not within"):
            await source.seek(outside)
    source.stop()


async def test_a_seek_to_the_end_ends_it(tmp_path: Path) -> None:
    source = FileSource(make_clip(tmp_path / "a.webm", seconds=5))
    await picture(source)
    await source.seek(source.duration or 0)
    assert source.audio is not None
    with suppress(MediaStreamError):
        # What of the last frame of sound lies there.
        await within(source.audio.recv())
    with pytest.raises(MediaStreamError):
        await within(source.audio.recv())
    source.stop()


async def test_stop_ends_both_and_the_thread(tmp_path: Path) -> None:
    source = FileSource(make_clip(tmp_path / "a.webm"))
    await picture(source)
    readers = [t for t in threading.enumerate() if t.name.startswith("read-file")]
    assert readers
    ended = asyncio.Event()
    source.on("ended", ended.set)
    source.stop()
    source.stop()
    await within(ended.wait())
    with pytest.raises(MediaStreamError):
        await picture(source)
    for thread in readers:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()


async def test_one_kind_only(tmp_path: Path) -> None:
    silent = FileSource(make_clip(tmp_path / "a.webm", audio=None))
    unseen = FileSource(make_clip(tmp_path / "a.ogg", video=None), decode=False)
    assert (silent.audio, unseen.video) == (None, None)
    assert len(await play(unseen.audio, 5)) == 5
    for source in (silent, unseen):
        source.stop()


async def test_the_cover_of_a_record_is_no_picture(tmp_path: Path) -> None:
    source = FileSource(make_clip(tmp_path / "a.flac", video=None, audio="flac", cover=True))
    assert source.video is None
    assert source.audio is not None
    assert isinstance(await within(source.audio.recv()), AudioFrame)
    source.stop()


async def test_a_file_cut_off_plays_to_its_end(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "a.webm", seconds=1)
    cut = tmp_path / "cut.webm"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    source = FileSource(cut, decode=False)
    pictures, sound = await asyncio.gather(play(source.video), play(source.audio))
    assert 5 < len(pictures) < 30
    assert 5 < len(sound) < 50


async def test_a_file_that_breaks_on_the_way_says_so_and_ends(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", video="libx264", audio=None)
    data = bytearray(path.read_bytes())
    end = data.index(b"moov") - 4
    begin = (data.index(b"mdat") + end) // 2
    data[begin:end] = bytes([255]) * (end - begin)
    path.write_bytes(data)
    source = FileSource(path, decode=False)
    errors: list[SourceError] = []
    source.on("error", errors.append)
    assert 0 < len(await play(source.video)) < 30
    assert [type(error) for error in errors] == [UnreadableError]


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("no media at all")
    with pytest.raises(MissingError, match="No such file"):
        FileSource(tmp_path / "none.webm")
    with pytest.raises(MissingError):
        FileSource(tmp_path)
    with pytest.raises(UnreadableError, match=r"a\.txt"):
        FileSource(text)
    with pytest.raises(UnpassableError, match="mpeg4"):
        FileSource(make_clip(tmp_path / "a.mkv", video="mpeg4"), decode=False)


async def test_the_codec_to_agree_on(tmp_path: Path) -> None:
    source = FileSource(make_clip(tmp_path / "a.mp4", video="libx264"), decode=False)
    assert source.video is not None
    assert source.video.codec is not None
    assert source.video.codec.mimeType == "video/H264"
    source.stop()
