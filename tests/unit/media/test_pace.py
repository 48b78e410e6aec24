from __future__ import annotations

import asyncio

from media.pace import Pace
from tests.support.clock.virtual_time import in_virtual_time


@in_virtual_time
async def test_numbers_come_in_their_time_however_long_the_reader_takes() -> None:
    now = asyncio.get_running_loop().time
    pace, begun = Pace(0.02), now()
    for number in range(50):
        assert await pace.next() == number
        assert abs(now() - begun - number * 0.02) < 1e-6
        await asyncio.sleep(0.015)


@in_virtual_time
async def test_after_a_pause_all_come_at_once_or_are_left_out() -> None:
    now = asyncio.get_running_loop().time
    every, newest = Pace(0.02), Pace(0.02, skip_after=0.5)
    await every.next()
    await newest.next()
    await asyncio.sleep(0.4)
    assert (await every.next(), await newest.next()) == (1, 1)
    await asyncio.sleep(5.0)
    begun = now()
    assert await every.next() == 2
    assert await newest.next() in (269, 270)
    assert now() - begun < 0.02
