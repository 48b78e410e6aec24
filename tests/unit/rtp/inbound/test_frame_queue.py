"""The bounded queue of encoded frames, and the frames that it drops."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from peer.rtp.inbound.frame_queue import FrameQueue
from tests.support.media.encoded_frames import encoded, key, picture, sound

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame


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
