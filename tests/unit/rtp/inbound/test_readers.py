"""Encoded frames for any number of readers, and the frames that a full queue drops."""

from __future__ import annotations

import asyncio
import gc
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer.errors import ConfigurationError
from peer.rtp.inbound.readers import SIZE_LIMIT, FrameQueue, FrameReader, Readers
from tests.support.clock.deadline import DEADLINE
from tests.support.media.encoded_frames import encoded, key, picture, sound

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame


def test_a_frame_queue_of_large_frames_is_bounded_in_bytes() -> None:
    queue, most = FrameQueue(1000), 0
    for _ in range(100):
        for each in (key(0), picture(1), picture(2)):
            queue.put(replace(each, payload=bytes(SIZE_LIMIT // 10)))
            most = max(most, len(queue))
    assert most == 10
    # A frame that is larger than all may be is there alone.
    queue.put(replace(key(3), payload=bytes(SIZE_LIMIT + 1)))
    assert len(queue) == 1
    assert queue.take() is not None
    queue.put(key(4))
    assert len(queue) == 1


class Source:
    """Gives frames to readers, and counts their key frame requests."""

    def __init__(self) -> None:
        self.readers: Readers[EncodedFrame] = Readers()
        self.wanted = 0

    def reader(self, limit: int = 4) -> FrameReader:
        reader = FrameReader(self.want, limit)
        self.readers.add(reader)
        return reader

    def want(self) -> None:
        self.wanted += 1

    def give(self, *frames: EncodedFrame) -> None:
        for frame in frames:
            self.readers.put(frame)


async def rest(reader: FrameReader) -> list[int]:
    return [frame.pts async for frame in reader]


async def waiting(reader: FrameReader) -> asyncio.Future[EncodedFrame]:
    """A read that has begun."""
    read = asyncio.ensure_future(anext(reader))
    await asyncio.wait([read], timeout=0)
    return read


async def test_every_reader_gets_every_frame() -> None:
    source = Source()
    readers = [source.reader() for _ in range(3)]
    source.give(key(0), picture(1))
    source.readers.finish()
    assert [await rest(reader) for reader in readers] == [[0, 1]] * 3


async def test_only_slow_reader_loses_run_of_frames() -> None:
    source = Source()
    slow, quick = source.reader(3), source.reader()
    got = []
    for pts in range(9):
        source.give(key(pts) if pts % 4 == 0 else picture(pts))
        got.append((await anext(quick)).pts)
    source.readers.finish()
    frame = await anext(slow)
    assert got == list(range(9))
    assert (frame.pts, frame.gap, slow.dropped, quick.dropped) == (8, True, 8, 0)


async def test_new_reader_requests_and_begins_with_key_frame() -> None:
    source = Source()
    source.give(key(0))
    reader = source.reader()
    read = await waiting(reader)
    assert source.wanted == 1
    source.give(picture(1), key(2))
    assert (await read).pts == 2


async def test_idle_reader_requests_no_key_frame() -> None:
    source = Source()
    reader = source.reader(1)
    source.give(key(0), picture(1), picture(2))
    assert source.wanted == 0
    await waiting(reader)
    assert source.wanted == 1


async def test_reader_waiting_for_next_frame_requests_no_key_frame() -> None:
    source = Source()
    reader = source.reader()
    source.give(key(0))
    await anext(reader)
    read = await waiting(reader)
    assert source.wanted == 0
    source.give(picture(1))
    assert (await read).pts == 1


async def test_reader_ends_after_waiting_frames() -> None:
    source = Source()
    reader = source.reader()
    source.give(key(0))
    source.readers.finish()
    source.readers.finish()
    assert [await rest(reader), await rest(reader)] == [[0], []]


async def test_end_of_receiver_wakes_waiting_reader() -> None:
    source = Source()
    reader = source.reader()
    reads = [await waiting(reader) for _ in range(3)]
    source.readers.finish()
    for read in reads:
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(read, DEADLINE)


async def test_abandoned_items_are_not_read() -> None:
    source = Source()
    reader = source.reader()
    source.give(key(0))
    source.readers.abandon()
    assert await rest(reader) == []


async def test_reader_made_after_end_ends_at_once() -> None:
    source = Source()
    source.readers.finish()
    assert await rest(source.reader()) == []


async def test_closed_reader_gets_no_frames() -> None:
    source = Source()
    reader = source.reader()
    source.give(key(0))
    await reader.aclose()
    source.give(key(1))
    assert await rest(reader) == []


async def test_readers_are_held_weakly() -> None:
    source = Source()
    async for _ in _given(source, source.reader()):
        break
    frames = [key(pts) for pts in range(3)]
    source.give(*frames)
    gc.collect()
    assert [len(gc.get_referrers(frame)) for frame in frames] == [1, 1, 1]


async def test_two_tasks_share_frames_of_one_reader() -> None:
    source = Source()
    reader = source.reader()
    reads = [await waiting(reader) for _ in range(2)]
    source.give(key(0), picture(1))
    assert sorted([(await read).pts for read in reads]) == [0, 1]


@pytest.mark.parametrize("limit", [0, -1])
def test_reader_limit_is_at_least_one_frame(limit: int) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        FrameReader(lambda: None, limit)


def _given(source: Source, reader: FrameReader) -> FrameReader:
    source.give(key(0))
    return reader


def filled(*frames: EncodedFrame, limit: int = 3) -> FrameQueue:
    queue = FrameQueue(limit)
    for frame in frames:
        queue.put(frame)
    return queue


def taken(queue: FrameQueue) -> list[tuple[int, bool]]:
    """Time and gap of each frame."""
    found = []
    while (frame := queue.take()) is not None:
        found.append((frame.pts, frame.gap))
    return found


def test_frame_queue_begins_with_key_frame() -> None:
    queue = filled(picture(1), picture(2), key(3), picture(4))
    assert taken(queue) == [(3, False), (4, False)]
    assert queue.dropped == 0


def test_full_queue_of_audio_loses_oldest_frame() -> None:
    queue = filled(*(sound(pts) for pts in range(5)))
    assert taken(queue) == [(2, True), (3, False), (4, False)]
    assert queue.dropped == 2


def test_full_queue_of_video_drops_up_to_waiting_key_frame() -> None:
    queue = filled(key(0), picture(1), key(2), picture(3))
    assert taken(queue) == [(2, True), (3, False)]
    assert queue.dropped == 2


def test_full_queue_of_video_drops_up_to_next_key_frame() -> None:
    queue = filled(*[key(0), picture(1), picture(2), picture(3), picture(4)])
    assert (len(queue), queue.awaits_keyframe, queue.dropped) == (0, True, 5)
    queue.put(key(5))
    assert (taken(queue), queue.awaits_keyframe) == ([(5, True)], False)


def test_key_frame_for_full_queue_is_kept() -> None:
    queue = filled(key(0), picture(1), picture(2), key(3))
    assert taken(queue) == [(3, True)]


def test_only_first_frame_after_loss_has_gap() -> None:
    queue = filled(*(key(pts) for pts in range(4)))
    queue.put(key(4))
    assert taken(queue) == [(2, True), (3, False), (4, False)]


def test_gap_of_frame_stays_in_queue() -> None:
    queue = filled(key(0), encoded(1, keyframe=True, gap=True))
    assert taken(queue) == [(0, False), (1, True)]


def test_delta_frame_after_gap_is_dropped() -> None:
    queue = filled(key(0), encoded(1, gap=True), picture(2), key(3))
    assert taken(queue) == [(0, False), (3, True)]
    assert queue.dropped == 2


def test_frames_that_build_on_refused_frame_are_dropped() -> None:
    queue = filled(key(0), picture(1), key(2))
    queue.take()
    queue.drop_dependent()
    assert taken(queue) == [(2, True)]
    assert queue.dropped == 2


def test_queue_awaits_key_frame_after_refused_frame() -> None:
    queue = filled(key(0))
    queue.take()
    queue.drop_dependent()
    queue.put(picture(1))
    queue.put(key(2))
    assert taken(queue) == [(2, True)]


def test_cleared_queue_begins_with_key_frame() -> None:
    queue = filled(*(sound(pts) for pts in range(5)))
    queue.clear()
    queue.put(picture(5))
    queue.put(key(6))
    assert taken(queue) == [(6, False)]


@pytest.mark.parametrize("seed", range(20))
def test_frames_of_queue_can_be_decoded(seed: int) -> None:
    chance = random.Random(seed)
    queue = FrameQueue(chance.randint(1, 6))
    last: int | None = None
    for pts in range(2000):
        queue.put(encoded(pts, keyframe=chance.random() < 0.1, gap=chance.random() < 0.05))
        if chance.random() < 0.6 and (frame := queue.take()) is not None:
            follows = last is not None and frame.pts == last + 1 and not frame.gap
            assert frame.keyframe or follows
            assert frame.gap or last is None or follows
            last = frame.pts
