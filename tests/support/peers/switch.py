"""Runs Sippy B2BUA behind Kamailio, a switch that joins two calls and may move one of them.

::

    async with switch(proxy, user="switch", secret="secret", target="phone") as log:
        call = await bot.invite(proxy.aor("switch"), connection)
        ...  # the phone transfers the call (REFER)
        await log.says("moved")
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.support.clock.deadline import DEADLINE
from tests.support.network.free_ports import free_port
from tests.support.network.process_end import kill
from tests.support.peers.third_party import PROGRAMS
from tests.support.project.tools import PYTHON_MODULES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.peers.kamailio import Kamailio


class SwitchLog:
    """The lines that the switch prints of what it does."""

    def __init__(self, lines: asyncio.StreamReader) -> None:
        self._lines = lines

    async def says(self, text: str) -> None:
        """Wait for a line of the switch."""
        async with asyncio.timeout(DEADLINE):
            while line := await self._lines.readline():
                if line.decode().startswith(text):
                    return
        raise AssertionError(f"the switch ended without saying {text!r}")


@asynccontextmanager
async def switch(
    folder: Path, proxy: Kamailio, *, user: str, secret: str, target: str
) -> AsyncIterator[SwitchLog]:
    """Run the switch until it is registered.

    Args:
        folder: Directory for its log.
        proxy: The proxy that it registers at, and calls through.
        user: The name that it is called by.
        secret: The secret of its account.
        target: User that it joins calls to.
    """
    with (folder / "switch.log").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(PROGRAMS / "switch.py"), str(free_port()), str(proxy.port)),
            *(proxy.aor(user), secret, target),
            env={**os.environ, "PYTHONPATH": str(PYTHON_MODULES)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    try:
        assert process.stdout is not None
        log = SwitchLog(process.stdout)
        await log.says("registered")
        yield log
    finally:
        kill(process)
        await process.wait()
