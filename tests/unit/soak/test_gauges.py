"""How the soak tells growth and what is left from noise."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from tests.soak.gauges import Holdings, Memory, growth


def test_growth_compares_the_last_third_with_the_first() -> None:
    samples = [Memory(at, 100 + at, 50) for at in range(9)]
    assert growth(samples, lambda each: each.resident) == pytest.approx(107 / 101 - 1)
    assert growth(samples, lambda each: each.traced) == 0


def test_one_sample_that_is_off_is_no_growth() -> None:
    samples = [Memory(at, 900 if at == 8 else 100, 0) for at in range(9)]
    assert growth(samples, lambda each: each.resident) == 0


async def test_what_is_left_is_named() -> None:
    before = Holdings.now()
    assert Holdings.now().beyond(before) == []
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="forgotten")
    thread.start()
    task = asyncio.create_task(asyncio.sleep(60))
    ends = os.pipe()
    try:
        tasks, threads, descriptors = Holdings.now().beyond(before)
        assert tasks.startswith("1 tasks are left")
        assert "forgotten" in threads
        assert descriptors.startswith("2 descriptors are left")
    finally:
        stop.set()
        thread.join()
        task.cancel()
        for end in ends:
            os.close(end)


async def test_threads_of_pools_are_not_counted() -> None:
    before = Holdings.now()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="executor_0")
    thread.start()
    assert Holdings.now().beyond(before) == []
    stop.set()
    thread.join()
