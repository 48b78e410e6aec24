"""A program that runs in the environment of a dependant, and what it tells."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
from typing import TYPE_CHECKING, Any, Self

from tests.support.clock.deadline import DEADLINE
from tests.support.network.process_end import kill, send_signal
from tests.support.project.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.dependants.environments import Dependant

PROGRAMS = ROOT / "tests" / "dependants" / "programs"
#: Seconds for a program to start (ours): gradio and numba alone take twenty on a busy machine.
STARTING = 240.0
#: Lines of the program's log that a failing test shows (ours).
_LINES = 60


class DependantProgram:
    """Runs a program while the context is entered.

    It tells what it does in lines of JSON on its standard output; all else that it writes is its
    log.

    Args:
        dependant: Whose environment it runs in.
        command: Its arguments to Python.
    """

    def __init__(self, dependant: Dependant, command: Sequence[str]) -> None:
        self._command = [str(dependant.interpreter), *command]
        self._told: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._news = asyncio.Event()
        self.log: list[str] = []

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={
                **os.environ,
                # The checkout comes first: packages install their own `tests` (rtcbot does).
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
                "NO_ALBUMENTATIONS_UPDATE": "1",
            },
            limit=2**20,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *error: object) -> None:
        send_signal(self._process, signal.SIGTERM)
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            kill(self._process)
            await self._process.wait()
        await self._reading
        if error[0] is not None:
            print("\n".join(self.log[-_LINES:]))

    async def told(self, name: str, *, timeout: float = DEADLINE) -> Any:
        """Wait until the program tells of something, and return what it says of it.

        Raises:
            RuntimeError: The program ended instead.
        """
        async with asyncio.timeout(timeout):
            while True:
                message = await self._told.get()
                if message is None:
                    raise RuntimeError("the program ended:\n" + "\n".join(self.log[-_LINES:]))
                if name in message:
                    return message[name]

    async def said(self, pattern: str) -> str:
        """Wait for a line of the log, and return what in it fits a pattern.

        Raises:
            RuntimeError: The program ended without it.
        """
        async with asyncio.timeout(DEADLINE):
            while True:
                self._news.clear()
                for line in self.log:
                    if found := re.search(pattern, line):
                        return found[0]
                if self._reading.done():
                    raise RuntimeError("the program ended:\n" + "\n".join(self.log[-_LINES:]))
                await self._news.wait()

    def interrupt(self) -> None:
        """Interrupt the program, as a user's key does."""
        send_signal(self._process, signal.SIGINT)

    async def ended(self) -> None:
        """Wait until the program has ended by itself."""
        async with asyncio.timeout(DEADLINE):
            await self._process.wait()

    async def address(self) -> str:
        """Wait until the program serves, and return its address."""
        return f"http://127.0.0.1:{await self.told('port', timeout=STARTING)}"

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self.log.append(line)
            self._news.set()
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict):
                    self._told.put_nowait(message)
        self._told.put_nowait(None)
        asyncio.get_running_loop().call_soon(self._news.set)


async def serves(port: int) -> None:
    """Wait until something listens on a port of the loopback."""
    async with asyncio.timeout(STARTING):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.1)
