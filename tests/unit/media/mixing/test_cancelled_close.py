"""A mixer and a composite whose `close` is cancelled at any of its turns, and called again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from media import SyntheticAudioTrack, SyntheticVideoTrack
from media.mixing import AudioMixer, Composite
from tests.support.clock.cancelling import TURNS, cancelled_at

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def _mixer() -> tuple[Callable[[], Coroutine[None, None, None]], Coroutine[None, None, object]]:
    mixer = AudioMixer()
    for _ in range(3):
        mixer.add(SyntheticAudioTrack())
    return mixer.close, mixer.track().recv()


def _composite() -> tuple[Callable[[], Coroutine[None, None, None]], Coroutine[None, None, object]]:
    composite = Composite(width=64, height=48)
    for _ in range(3):
        composite.add(SyntheticVideoTrack(width=64, height=48), name="somebody")
    return composite.close, composite.track().recv()


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("make", [_mixer, _composite])
async def test_a_close_that_is_cancelled_at_any_turn_leaves_no_task_when_called_again(
    make: Callable[
        [], tuple[Callable[[], Coroutine[None, None, None]], Coroutine[None, None, object]]
    ],
    turn: int,
) -> None:
    before = asyncio.all_tasks()
    close, first = make()
    await first
    await cancelled_at(turn, close())
    await close()
    # Those that were cancelled have a turn to end in.
    for _ in range(3):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
