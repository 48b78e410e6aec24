"""The delay in front of the decoder: as little as the jitter allows."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.receiving.jitter_buffer import (
    ADAPTIVE_LIMIT,
    ASKED_LIMIT,
    BASE_WINDOW,
    LEAST,
    SAMPLE_LIMIT,
    SIZE_LIMIT,
    WINDOW,
    JitterBuffer,
    PlayoutDelayEstimator,
)
from peer.rtp_parameters import MediaKind
from tests.support.links.lossy_rtp import VP8, Link, Scene
from tests.support.media.encoded_frames import encoded

FRAME = 1 / 30


def frame(index: int, arrival: float) -> EncodedFrame:
    return EncodedFrame(
        codec=VP8, payload=b"x", ssrc=1, timestamp=0, pts=index * 3000, arrival=arrival
    )


def test_a_jitter_buffer_of_large_frames_is_bounded_in_bytes() -> None:
    buffer = JitterBuffer()
    buffer.minimum = ASKED_LIMIT
    for index in range(30):
        large = replace(frame(index, 100.0), payload=bytes(SIZE_LIMIT // 10))
        buffer.push(large, 100.0 + index / 1000)
        assert len(buffer) <= 10
    assert buffer.statistics.dropped == 20
    assert len(buffer.pop(200.0)) == 10
    buffer.push(frame(31, 200.0), 200.0)
    assert len(buffer) == 1


class Player:
    """Pushes frames to a jitter buffer, each with a lateness, and pops them when they are due."""

    def __init__(self, limit: int = 256) -> None:
        self.jitter_buffer = JitterBuffer(limit=limit)
        self.shown: list[tuple[float, int]] = []
        self.index = 0
        self.now = 100.0

    def play(self, *latenesses: float) -> None:
        for late in latenesses:
            now = 100.0 + self.index * FRAME + late
            self.serve(now)
            self.now = now
            self.jitter_buffer.push(frame(self.index, now), now)
            self.index += 1
            self.serve(now)

    def serve(self, until: float) -> None:
        while (due := self.jitter_buffer.deadline) is not None and due <= until:
            at = max(due, self.now)
            for each in self.jitter_buffer.pop(at):
                self.shown.append((at, each.pts // 3000))


def test_even_frames_wait_hardly_at_all_in_jitter_buffer() -> None:
    player = Player()
    player.play(*[0.0] * 90)
    assert player.jitter_buffer.target == LEAST
    assert all(at - 100.0 - index * FRAME <= LEAST + 1e-6 for at, index in player.shown)


def test_jitter_buffer_evens_out_jitter() -> None:
    player, rng = Player(), random.Random(3)
    latenesses, at = [], 0.0
    for _ in range(300):
        at = max(at - FRAME, rng.random() * 0.1)
        latenesses.append(at)
    player.play(*latenesses)
    assert 0.08 < player.jitter_buffer.target <= 0.1
    steps = [
        later - earlier
        for (earlier, _), (later, _) in zip(player.shown[150:], player.shown[151:], strict=False)
    ]
    assert sum(abs(step - FRAME) < 0.01 for step in steps) > 0.9 * len(steps)
    assert [index for _, index in player.shown] == sorted(index for _, index in player.shown)


def test_target_delay_is_within_a_fifth_ten_seconds_after_jitter() -> None:
    player, rng = Player(), random.Random(3)
    player.play(*[0.0] * 90)
    before = player.jitter_buffer.target
    player.play(*sorted(rng.random() * 0.5 for _ in range(150)))
    assert player.jitter_buffer.target > 0.3
    player.play(*[0.0] * 300)
    assert player.jitter_buffer.target <= before * 1.2


@pytest.mark.parametrize("kind", list(MediaKind))
@pytest.mark.parametrize("loss", [0.01, 0.05, 0.1, 0.2])
def test_target_delay_is_back_ten_seconds_after_lossy_link(kind: MediaKind, loss: float) -> None:
    scene, jitter_buffer = Scene(kind), JitterBuffer()
    targets = []
    for link, seconds in ((Link(), 5), (Link(loss=loss, jitter=0.1), 10), (Link(), 10)):
        scene.link = link
        known = len(scene.frames)
        scene.run(seconds)
        for each, at in zip(scene.frames[known:], scene.given[known:], strict=True):
            jitter_buffer.push(each, at)
            jitter_buffer.pop(at)
        targets.append(jitter_buffer.target)
    assert targets[1] > targets[0]
    assert targets[2] <= targets[0] * 1.2


def test_single_late_frame_does_not_raise_target_delay() -> None:
    player = Player()
    player.play(*[0.0] * 60, 0.3, *[0.0] * 60)
    assert player.jitter_buffer.target == LEAST


def test_frame_after_its_due_time_is_given_at_once() -> None:
    player = Player()
    player.play(*[0.0] * 60, 0.3)
    at, index = player.shown[-1]
    assert index == 60
    assert at == pytest.approx(100.0 + 60 * FRAME + 0.3, abs=1e-6)
    assert player.jitter_buffer.statistics.late == 1


def test_target_delay_has_limit_for_jitter() -> None:
    player, rng = Player(), random.Random(3)
    player.play(*[rng.random() * 2.9 for _ in range(90)])
    assert player.jitter_buffer.target <= ADAPTIVE_LIMIT


def test_application_may_ask_for_larger_target_delay() -> None:
    player = Player()
    player.jitter_buffer.minimum = 0.5
    player.play(*[0.0] * 60)
    assert player.jitter_buffer.target == 0.5
    at, index = player.shown[0]
    assert index == 0
    assert at == pytest.approx(100.5, abs=1e-6)
    player.jitter_buffer.minimum = 0.0
    assert player.jitter_buffer.target == LEAST


def test_target_delay_is_at_most_four_seconds() -> None:
    jitter_buffer = JitterBuffer()
    jitter_buffer.minimum = 99.0
    assert jitter_buffer.minimum == ASKED_LIMIT
    jitter_buffer.minimum = -1.0
    assert jitter_buffer.minimum == 0.0


def test_playout_delay_extension_bounds_target_delay() -> None:
    jitter_buffer = JitterBuffer()
    jitter_buffer.set_bounds(minimum=0.2, maximum=0.4)
    assert jitter_buffer.target == 0.2
    jitter_buffer.set_bounds(minimum=0.0, maximum=0.0)
    assert jitter_buffer.target == 0.0


def test_full_jitter_buffer_drops_oldest_frame_and_sets_gap() -> None:
    player = Player(limit=10)
    for index in range(15):
        player.jitter_buffer.push(frame(index, 100.0), 100.0 + index * FRAME)
    assert len(player.jitter_buffer) == 10
    assert player.jitter_buffer.statistics.dropped == 5
    first, second, *_ = player.jitter_buffer.pop(200.0)
    assert (first.pts // 3000, first.gap, second.gap) == (5, True, False)


def test_jitter_buffer_sums_delay_and_target_delay() -> None:
    player = Player()
    player.jitter_buffer.minimum = 0.2
    player.play(*[0.0] * 31)
    statistics = player.jitter_buffer.statistics
    assert statistics.emitted == len(player.shown) > 20
    assert statistics.delay / statistics.emitted == pytest.approx(0.2)
    assert statistics.target_delay / statistics.emitted == pytest.approx(0.2)


def test_jump_of_presentation_time_is_no_delay() -> None:
    player = Player()
    player.play(*[0.0] * 30)
    player.index += 3000
    now = 102.0
    player.serve(now)
    player.jitter_buffer.push(frame(player.index, now), now)
    assert player.jitter_buffer.deadline == pytest.approx(now + LEAST, abs=1e-6)


def test_cleared_jitter_buffer_is_empty() -> None:
    player = Player()
    player.jitter_buffer.minimum = 1.0
    player.play(*[0.0] * 10)
    player.jitter_buffer.clear()
    assert player.jitter_buffer.deadline is None
    assert len(player.jitter_buffer) == 0


def test_fastest_frame_has_no_lateness() -> None:
    estimator = PlayoutDelayEstimator()
    estimator.add(delay=-500.0, now=10.0)
    assert estimator.add(delay=-499.9, now=10.1) == pytest.approx(0.1)
    assert estimator.add(delay=-500.2, now=10.2) == 0.0


def test_rare_late_frame_does_not_raise_playout_delay() -> None:
    estimator = PlayoutDelayEstimator()
    for index in range(60):
        estimator.add(delay=0.5 if index == 30 else 0.0, now=10.0 + index / 30)
    assert estimator.estimate() == 0.0


def test_frequent_late_frames_raise_playout_delay() -> None:
    estimator = PlayoutDelayEstimator()
    for index in range(60):
        estimator.add(delay=0.1 if index % 10 == 0 else 0.0, now=10.0 + index / 30)
    assert estimator.estimate() == pytest.approx(0.1)


def test_playout_delay_forgets_old_frames() -> None:
    estimator = PlayoutDelayEstimator()
    for index in range(30):
        estimator.add(delay=0.1 * (index % 2), now=10.0 + index / 30)
    for index in range(30):
        estimator.add(delay=0.0, now=11.0 + WINDOW + index / 30)
    assert estimator.estimate() == 0.0


def test_longer_path_becomes_base_of_playout_delay() -> None:
    estimator = PlayoutDelayEstimator()
    estimator.add(delay=0.0, now=10.0)
    for index in range(int(BASE_WINDOW * 30) + 60):
        estimator.add(delay=0.05, now=10.0 + index / 30)
    assert estimator.base == 0.05
    assert estimator.estimate() == 0.0


def test_jump_of_delay_restarts_estimate() -> None:
    estimator = PlayoutDelayEstimator()
    estimator.add(delay=0.0, now=10.0)
    assert estimator.add(delay=100.0, now=10.1) == 0.0
    assert estimator.estimate() == 0.0


def test_estimator_keeps_limited_number_of_frames() -> None:
    estimator = PlayoutDelayEstimator()
    for _ in range(SAMPLE_LIMIT):
        estimator.add(delay=0.5, now=10.0)
    for _ in range(SAMPLE_LIMIT):
        estimator.add(delay=0.0, now=10.0)
    assert estimator.estimate() == 0.0


def test_b_frames_that_come_evenly_leave_evenly_and_without_a_wait() -> None:
    buffer = JitterBuffer()
    order = [0, *(number + at for number in range(0, 300, 3) for at in (3, 1, 2))]
    left = []
    for index, number in enumerate(order):
        arrival = 100 + index / 30
        buffer.push(encoded(3000 * number, keyframe=number == 0, arrival=arrival), arrival)
        deadline = buffer.deadline
        assert deadline is not None
        (frame,) = buffer.pop(deadline)
        assert frame.pts == 3000 * number
        left.append(max(arrival, deadline))
    # By then it is known that there are B-frames.
    waits = [left[index] - (100 + index / 30) for index in range(30, len(left))]
    assert max(waits) < 0.02
