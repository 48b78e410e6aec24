"""Frames are decoded only while the track is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from peer.rtp.inbound.decoding import LINGER, Decoding, ReadActivity
from peer.rtp.tracks import Frame, MediaStreamError
from peer.rtp_parameters import MediaKind
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.media.encoded_frames import OPUS, VP8, encoded
from tests.support.media.frames import flat_picture, tone

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.inbound.stream_decoding import DecodeEvents


TICKS = 3000


class FakeWorker:
    """A worker that decodes at once, on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, events: DecodeEvents) -> None:
        self.dropped = 0
        self.awaits_keyframe = True
        self.ended = False
        self.joined = False
        self.frames: list[EncodedFrame] = []
        self.overloaded = False
        self._loop = loop
        self._events = events

    def put(self, frame: EncodedFrame) -> None:
        assert not self.ended
        if self.overloaded:
            self.awaits_keyframe = True
            self.dropped += 1
            return
        if self.awaits_keyframe and not frame.keyframe:
            return
        self.awaits_keyframe = False
        self.frames.append(frame)
        decoded: Frame = flat_picture(4, 2, pts=frame.pts)
        if frame.codec.kind is MediaKind.AUDIO:
            decoded = tone(440, 0.02)
        self._loop.call_soon(self._events.on_decoded, [decoded], frame, 0.5)

    def refuse(self, frame: EncodedFrame) -> None:
        self._events.on_undecodable(frame)

    def end(self) -> None:
        self.ended = True

    async def wait_ended(self, timeout: float) -> None:
        self.joined = True


class Player:
    """A `Decoding` fed with 30 video frames a second, the first of each second a key frame."""

    def __init__(self, kind: MediaKind = MediaKind.VIDEO) -> None:
        self.workers: list[FakeWorker] = []
        self.wanted = 0
        self.loop = asyncio.get_running_loop()
        self.decoding = Decoding(kind, self.loop.time, self._want, make_worker=self._make_worker)
        self.number = 0
        self._kind = kind

    def _want(self) -> None:
        self.wanted += 1

    def _make_worker(
        self,
        loop: asyncio.AbstractEventLoop,
        events: DecodeEvents,
        clock: Callable[[], float],
        /,
    ) -> FakeWorker:
        self.workers.append(FakeWorker(loop, events))
        return self.workers[-1]

    async def play(self, seconds: float) -> None:
        for _ in range(round(seconds * 30)):
            self.push()
            await asyncio.sleep(1 / 30)

    def push(self) -> None:
        now = self.loop.time()
        codec = VP8 if self._kind is MediaKind.VIDEO else OPUS
        pts, keyframe = self.number * codec.clock_rate // 30, self.number % 30 == 0
        self.number += 1
        frame = encoded(pts, keyframe=keyframe, codec=codec, arrival=now)
        if self.decoding.wants_frames:
            self.decoding.push(frame, now)

    async def read(self, count: int = 1) -> list[Frame]:
        return [await self.decoding.track.recv() for _ in range(count)]


async def begun(player: Player, count: int = 1) -> asyncio.Future[list[Frame]]:
    """A read that waits."""
    read = asyncio.ensure_future(player.read(count))
    await asyncio.sleep(0)
    return read


@in_virtual_time
async def test_no_frame_is_decoded_while_track_is_not_read() -> None:
    player = Player()
    await player.play(5)
    assert (player.workers, player.wanted) == ([], 0)
    assert player.decoding.jitter_buffer.statistics.emitted == 0


@in_virtual_time
async def test_frames_are_wanted_while_track_is_read() -> None:
    player = Player()
    wanted = [player.decoding.wants_frames]
    read = await begun(player)
    await player.play(0.1)
    await read
    await player.play(LINGER - 0.5)
    wanted.append(player.decoding.wants_frames)
    await player.play(1)
    wanted.append(player.decoding.wants_frames)
    read = await begun(player)
    wanted.append(player.decoding.wants_frames)
    player.decoding.stop()
    wanted.append(player.decoding.wants_frames)
    assert wanted == [False, True, False, True, False]
    read.cancel()


@in_virtual_time
async def test_read_requests_key_frame_and_gets_it() -> None:
    player = Player()
    await player.play(0.5)
    read = await begun(player, 2)
    assert player.wanted == 1
    await player.play(1)
    first, second = await read
    assert (first.pts, second.pts) == (30 * TICKS, 31 * TICKS)
    assert len(player.workers) == 1


@in_virtual_time
async def test_no_decoder_thread_runs_before_first_frame() -> None:
    player = Player()
    read = await begun(player)
    await asyncio.sleep(100)
    assert player.workers == []
    read.cancel()


@in_virtual_time
async def test_decoding_ends_two_seconds_after_last_read() -> None:
    player = Player()
    read = await begun(player)
    await player.play(0.1)
    await read
    await player.play(LINGER - 0.2)
    (worker,) = player.workers
    endings = [worker.ended]
    await player.play(0.3)
    endings.append(worker.ended)
    assert endings == [False, True]
    assert len(worker.frames) <= LINGER * 30 + 1


@in_virtual_time
async def test_decoding_ends_also_without_further_frames() -> None:
    player = Player()
    read = await begun(player)
    await player.play(0.1)
    await read
    await asyncio.sleep(LINGER + 0.1)
    assert player.workers[0].ended


@in_virtual_time
async def test_read_after_pause_gets_new_frames() -> None:
    player = Player()
    read = await begun(player)
    await player.play(LINGER + 1)
    await read
    read = await begun(player)
    assert player.wanted == 2
    await player.play(LINGER + 1)
    (frame,) = await read
    assert frame.pts is not None
    assert frame.pts >= (LINGER + 1) * 30 * TICKS
    assert [worker.ended for worker in player.workers] == [True, True]


@in_virtual_time
async def test_no_frames_wait_when_reading_has_ended() -> None:
    player = Player()
    player.decoding.jitter_buffer.minimum = 4.0
    read = await begun(player)
    await player.play(1)
    read.cancel()
    await player.play(LINGER + 1)
    came_back = player.number
    read = await begun(player)
    await player.play(6)
    (frame,) = await read
    assert frame.pts is not None
    assert frame.pts >= came_back * TICKS


@in_virtual_time
async def test_slow_reads_keep_decoder() -> None:
    player = Player()
    playing = asyncio.ensure_future(player.play(20))
    for _ in range(12):
        await player.read()
        await asyncio.sleep(LINGER - 0.5)
    assert (len(player.workers), player.wanted) == (1, 1)
    await playing


@in_virtual_time
async def test_refused_frame_requests_key_frame() -> None:
    player = Player()
    read = await begun(player, 1000)
    await player.play(1)
    (worker,) = player.workers
    worker.overloaded = True
    await player.play(1)
    assert player.wanted == 2
    worker.refuse(worker.frames[0])
    assert player.wanted == 3
    assert player.decoding.counters.errors == 1
    read.cancel()


@in_virtual_time
async def test_decoded_video_frames_are_counted() -> None:
    player = Player()
    read = await begun(player, 30)
    await player.play(1.5)
    await read
    counters = player.decoding.counters
    assert (counters.width, counters.height, counters.samples) == (4, 2, 0)
    assert counters.keyframes == 2
    assert counters.seconds == counters.frames / 2
    assert player.decoding.freezes.count == 0


@in_virtual_time
async def test_decoded_audio_is_counted() -> None:
    player = Player(MediaKind.AUDIO)
    read = await begun(player, 5)
    await player.play(1)
    await read
    assert player.decoding.counters.samples == 960 * player.decoding.counters.frames


@in_virtual_time
async def test_dropped_frames_of_former_worker_stay_counted() -> None:
    player = Player()
    read = await begun(player)
    await player.play(0.5)
    await read
    player.workers[0].dropped = 7
    assert player.decoding.counters.dropped == 7
    await player.play(LINGER + 1)
    assert player.decoding.counters.dropped == 7


async def test_stopped_decoding_ends_track_and_thread() -> None:
    player = Player()
    read = await begun(player)
    player.push()
    await asyncio.wait_for(read, 10)
    player.decoding.stop()
    await player.decoding.ended()
    (worker,) = player.workers
    assert (worker.ended, worker.joined) == (True, True)
    assert player.decoding.track.readyState == "ended"
    with pytest.raises(MediaStreamError):
        await player.read()
    player.push()
    assert len(player.workers) == 1


def test_track_is_not_read_at_first() -> None:
    activity = ReadActivity()
    assert not activity.is_active(0.0)
    assert activity.deadline is None


def test_waiting_read_counts_for_ever() -> None:
    activity = ReadActivity()
    activity.begin()
    assert activity.is_active(1e9)
    assert activity.deadline is None


def test_track_counts_as_read_for_a_while_after_last_read() -> None:
    activity = ReadActivity()
    activity.begin()
    activity.end(10.0)
    assert activity.deadline == 10.0 + LINGER
    assert activity.is_active(10.0 + LINGER - 0.01)
    assert not activity.is_active(10.0 + LINGER)


def test_one_waiting_read_of_two_counts() -> None:
    activity = ReadActivity()
    activity.begin()
    activity.begin()
    activity.end(10.0)
    assert activity.is_active(1e9)
    assert activity.deadline is None
