"""Tests end processes without taking their exit status away from asyncio."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from typing import NoReturn

import pytest

from tests.support.network.process_end import kill, send_signal
from tests.support.project.source import python_files


def ask(_: object) -> NoReturn:
    raise AssertionError("whoever asks first takes the exit status")


async def test_killed_process_is_not_asked_whether_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = await asyncio.create_subprocess_exec("sleep", "60")
    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "poll", ask)
        kill(process)
    assert await process.wait() == -signal.SIGKILL


async def test_process_that_has_ended_takes_any_signal() -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    send_signal(process, signal.SIGTERM)
    assert process.returncode == 0


def test_no_test_signals_a_process_by_asyncio() -> None:
    signals = re.compile(r"(process|program|publisher)\.(kill|terminate|send_signal)\(")
    assert [file.name for file in python_files("tests") if signals.search(file.text)] == []
