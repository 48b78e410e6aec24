"""The program `handfast`, running beside a test."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.support.network.process_end import kill

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator


@asynccontextmanager
async def handfast_program(*arguments: str, dev_mode: bool = False) -> AsyncIterator[Process]:
    """Start `handfast` with its output piped and warnings as errors; kill it where it goes on.

    Args:
        arguments: Command and options.
        dev_mode: Run in Python's development mode, which complains of what is left open.
    """
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, *(("-X", "dev") if dev_mode else ()), "-W", "error", "-m", "handfast"),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield program
    finally:
        if program.returncode is None:
            kill(program)
            await program.communicate()
