"""Runs a real Redis on loopback, which a test may stop, kill and start again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.support.clock.deadline import DEADLINE
from tests.support.network.free_ports import free_port
from tests.support.network.process_end import kill, send_signal
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from pathlib import Path

_RETRY = 0.05


@dataclass
class RedisDaemon:
    """A Redis that keeps all it has said it has, as long as the machine lives."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def pause(self) -> None:
        """Stop the process: its connections stay open, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Undo `pause`."""
        self._signal(signal.SIGCONT)

    async def kill(self) -> None:
        """Kill it without a chance to save anything."""
        if self.process is not None:
            kill(self.process)
            await self.process.wait()

    def _signal(self, number: int) -> None:
        assert self.process is not None
        send_signal(self.process, number)

    async def start(self) -> None:
        """Start it, with what it kept, and wait until it answers."""
        self.process = await asyncio.create_subprocess_exec(
            tool_path("redis-server"),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
            # A process that is killed has lost nothing of what the kernel has taken; to wait for a
            # disk is for those who fear for the machine.
            *("--appendonly", "yes", "--appendfsync", "no", "--save", ""),
            *("--logfile", str(self.folder / "redis.log")),
            *(option.format(port=self.port) for option in self.options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(DEADLINE), self.client() as client:
            while True:
                try:
                    await client.ping()
                except (RedisError, OSError) as error:
                    # One that wants TLS or a password answers as well.
                    if self.options and "Connect call failed" not in str(error):
                        return
                else:
                    return
                await asyncio.sleep(_RETRY)

    def client(self) -> Redis:
        """Make a client that looks at what is kept."""
        return Redis.from_url(self.url, decode_responses=True)


@asynccontextmanager
async def redis_daemon(folder: Path, *options: str) -> AsyncIterator[RedisDaemon]:
    """Run Redis until the context ends.

    Args:
        folder: Directory for its files.
        options: More of them, with `{port}` where its port belongs.
    """
    daemon = RedisDaemon(folder, free_port(), options)
    try:
        await daemon.start()
        yield daemon
    finally:
        await daemon.kill()
