from __future__ import annotations

import asyncio
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from aiortc.mediastreams import MediaStreamError

from media.sources.errors import SourceError, UnreadableError
from media.sources.file_track import FileTrack
from media.sources.playhead import Playhead
from media.sources.prefetch import Prefetch
from media.sources.stream_decoder import EncodedItem, Piece
from peer import Codec, EncodedFrame
from peer.rtp.formats import FrameShape
from peer.rtp_parameters import MediaKind
from tests.support.clock.inline import InlineExecutor, SlowExecutor
from tests.support.clock.virtual_time import in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Sequence

VP8 = Codec(kind=MediaKind.VIDEO, name="VP8", payload_type=0, clock_rate=90_000)
OPUS = Codec(kind=MediaKind.AUDIO, name="opus", payload_type=0, clock_rate=48_000, channels=2)
STEP = Fraction(1, 25)
GOP = 50


def picture(number: int) -> Piece:
    shape = FrameShape(keyframe=number % GOP == 0)
    return Piece(number * STEP, STEP, EncodedItem(VP8, b"%d" % number, shape), shape.keyframe)


def sound(number: int) -> Piece:
    # In milliseconds, as WebM tells it; frames of 22.5 ms are not whole ones.
    position = Fraction(round(number * 22.5), 1000)
    passed = EncodedItem(OPUS, b"%d" % number, FrameShape(keyframe=True))
    return Piece(position, Fraction(225, 10_000), passed)


class Pieces:
    """Gives them one by one."""

    def __init__(self, pieces: Sequence[Piece], error: Exception | None = None) -> None:
        self._all = list(pieces)
        self._left = iter(self._all)
        self._error = error

    def read(self) -> list[Piece]:
        piece = next(self._left, None)
        if piece is None and self._error is not None:
            raise self._error
        return [] if piece is None else [piece]

    def seek(self, position: Fraction) -> Fraction:
        self._left = iter([piece for piece in self._all if piece.position >= position])
        return position

    def close(self) -> None:
        pass


class Player:
    """Tracks of one playhead."""

    def __init__(self) -> None:
        self.playhead = Playhead()
        self.errors: list[SourceError] = []
        self.pieces: list[Prefetch] = []
        self.now = asyncio.get_running_loop().time

    def track(
        self, kind: MediaKind, pieces: Sequence[Piece], error: Exception | None = None
    ) -> FileTrack:
        prefetch = Prefetch(Pieces(pieces, error), 10, InlineExecutor())
        self.pieces.append(prefetch)
        return FileTrack(kind, None, prefetch, self.playhead, self.errors.append)

    def video(self, count: int = 500) -> FileTrack:
        return self.track(MediaKind.VIDEO, [picture(n) for n in range(count)])


async def frame_of(track: FileTrack) -> EncodedFrame:
    frame = await track.recv()
    assert isinstance(frame, EncodedFrame)
    return frame


async def numbers(track: FileTrack, count: int) -> list[int]:
    return [int((await frame_of(track)).payload) for _ in range(count)]


@in_virtual_time
async def test_frames_come_in_their_time() -> None:
    player = Player()
    track, begun = player.video(), player.now()
    for number in range(100):
        frame = await frame_of(track)
        assert frame.pts == number * 3600
        assert player.now() - begun == pytest.approx(number * 0.04)
        assert frame.arrival == player.now()


@in_virtual_time
async def test_rounded_times_of_sound_count_its_samples() -> None:
    player = Player()
    track = player.track(MediaKind.AUDIO, [sound(n) for n in range(200)])
    times = [(await frame_of(track)).pts for _ in range(200)]
    steps = [b - a for a, b in pairwise(times)]
    assert sum(step == 1080 for step in steps) > 190
    assert abs(times[-1] - 199 * 1080) <= 72


@in_virtual_time
async def test_the_track_ends_when_its_last_frame_has_lasted() -> None:
    player = Player()
    track, begun = player.video(5), player.now()
    assert await numbers(track, 5) == [0, 1, 2, 3, 4]
    for _ in range(2):
        with pytest.raises(MediaStreamError):
            await track.recv()
    assert player.now() - begun == pytest.approx(0.2)
    assert (track.readyState, player.errors) == ("ended", [])


@in_virtual_time
async def test_a_file_that_cannot_be_read_on_ends_the_track_and_says_why() -> None:
    player = Player()
    error = UnreadableError("file", why="it broke")
    track = player.track(MediaKind.VIDEO, [picture(0)], error)
    assert await numbers(track, 1) == [0]
    with pytest.raises(MediaStreamError):
        await track.recv()
    assert (track.readyState, player.errors) == ("ended", [error])


@in_virtual_time
async def test_while_nobody_reads_anything_the_file_stands_still() -> None:
    player = Player()
    track = player.video()
    assert await numbers(track, 25) == list(range(25))
    await asyncio.sleep(60)
    begun = player.now()
    assert await numbers(track, 25) == list(range(25, 50))
    assert player.now() - begun == pytest.approx(0.96, abs=0.05)
    assert track.dropped == 0


@in_virtual_time
async def test_a_picture_that_nobody_read_for_a_while_is_caught_up_from_its_key_frame() -> None:
    player = Player()
    video = player.video()
    audio = player.track(MediaKind.AUDIO, [sound(n) for n in range(800)])
    hearing = asyncio.create_task(numbers(audio, 700))
    assert await numbers(video, 25) == list(range(25))
    await asyncio.sleep(6.5)
    frames = [await frame_of(video) for _ in range(80)]
    shown = [int(frame.payload) for frame in frames]
    # At 7.46 s picture 186 is due; the key frame before what is not late is 150.
    assert shown == list(range(150, 230))
    assert all(b.pts > a.pts for a, b in pairwise(frames))
    assert video.dropped == 125
    assert frames[-1].pts / 90_000 == pytest.approx(
        player.now() - 1000.0, abs=0.05
    )  # the loop begins at 1000
    hearing.cancel()


@in_virtual_time
async def test_a_read_that_is_given_up_loses_nothing() -> None:
    player = Player()
    track = player.video()
    assert await numbers(track, 2) == [0, 1]
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(track.recv(), 0.01)
    assert await numbers(track, 2) == [2, 3]


@in_virtual_time
async def test_a_jump_wakes_who_waits_and_time_goes_on() -> None:
    player = Player()
    gap = [picture(0), picture(250), picture(251)]
    track = player.track(MediaKind.VIDEO, gap)
    await track.recv()
    waiting = asyncio.create_task(frame_of(track))
    await asyncio.sleep(0.5)
    position = await player.pieces[0].seek(Fraction(10))
    player.playhead.jump(position, player.now())
    player.pieces[0].resume()
    track.jumped()
    begun = player.now()
    frame = await waiting
    assert frame.payload == b"250"
    assert player.now() - begun == pytest.approx(0, abs=0.001)
    assert frame.pts == pytest.approx(0.5 * 90_000, abs=2)


@in_virtual_time
async def test_catching_up_holds_up_nobody_else() -> None:
    player = Player()
    slow = Prefetch(Pieces([picture(n) for n in range(500)]), 10, SlowExecutor(0.005))
    video = FileTrack(MediaKind.VIDEO, None, slow, player.playhead, player.errors.append)
    audio = player.track(MediaKind.AUDIO, [sound(n) for n in range(800)])
    hearing = asyncio.create_task(numbers(audio, 700))
    await numbers(video, 25)
    begun = player.playhead.due(Fraction(0))
    await asyncio.sleep(8)
    await numbers(video, 25)
    assert video.dropped > 100
    assert player.playhead.due(Fraction(0)) == pytest.approx(begun, abs=0.1)
    hearing.cancel()


@in_virtual_time
async def test_what_is_read_too_slowly_comes_later_and_whole() -> None:
    player = Player()
    slow = Prefetch(Pieces([picture(n) for n in range(60)]), 10, SlowExecutor(0.1))
    track = FileTrack(MediaKind.VIDEO, None, slow, player.playhead, player.errors.append)
    begun = player.now()
    assert await numbers(track, 60) == list(range(60))
    assert 5.5 < player.now() - begun < 6.5
    assert track.dropped == 0


@in_virtual_time
async def test_stop_wakes_who_waits() -> None:
    player = Player()
    track = player.track(MediaKind.VIDEO, [picture(0), picture(250)])
    await track.recv()
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0.5)
    track.stop()
    with pytest.raises(MediaStreamError):
        await waiting
