from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media.recording.write_queue import Finish, WriteQueue
from tests.support.media.recorded import VP8, sounds

if TYPE_CHECKING:
    from media.recording.timeline import PlacedFrame


def run_of_pictures(count: int, keyframes: set[int]) -> list[PlacedFrame]:
    return [
        replace(each, key=0, frame=replace(each.frame, codec=VP8, keyframe=index in keyframes))
        for index, each in enumerate(sounds(0, count))
    ]


def test_frames_come_out_in_their_order_and_orders_between_them() -> None:
    queue = WriteQueue()
    first, second = sounds(0, 2)
    queue.put([first])
    queue.order(Finish())
    queue.put([second])
    assert queue.take() == [first, Finish(), second]


def test_full_queue_drops_a_whole_run_of_pictures() -> None:
    queue = WriteQueue(frames=4)
    frames = run_of_pictures(12, {0, 9})
    queue.put(frames[:6])
    assert queue.broken == {0}
    assert queue.take() == frames[:4]
    queue.put(frames[6:])
    # There is room for 6, 7 and 8, but nothing to show them by.
    assert queue.take() == frames[9:]
    assert queue.broken == frozenset()
    assert queue.dropped == 5


def test_full_queue_drops_sound_packet_by_packet_and_takes_orders() -> None:
    queue = WriteQueue(size=250)
    frames = sounds(0, 5, size=100)
    queue.put(frames[:4])
    queue.order(Finish())
    assert queue.take() == [*frames[:3], Finish()]
    queue.put(frames[4:])
    assert queue.take() == frames[4:]
    assert queue.dropped == 1
