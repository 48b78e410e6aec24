"""Owns a real TURN server (coturn) on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aioice import stun

from peer.configuration import IceServer
from tests.support.tools import tool_path

if TYPE_CHECKING:
    from pathlib import Path

_START_TRIES = 100
_ANSWER_WAIT = 0.1


@dataclass
class TurnDaemon:
    """A running coturn."""

    port: int
    tls_port: int
    process: asyncio.subprocess.Process
    log_file: Path

    def log(self) -> str:
        """What it wrote down so far."""
        return self.log_file.read_text()

    def turn(self, scheme: str = "turn", query: str = "", credential: str = "p") -> IceServer:
        """It as a TURN server."""
        port = self.tls_port if scheme == "turns" else self.port
        return IceServer(f"{scheme}:127.0.0.1:{port}{query}", username="u", credential=credential)

    def stun(self) -> IceServer:
        """It as a STUN server."""
        return IceServer(f"stun:127.0.0.1:{self.port}")

    async def kill(self) -> None:
        """End it without a word to its clients."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def turn_daemon(folder: Path, *options: str) -> AsyncIterator[TurnDaemon]:
    """A coturn that answers; user `u`, password `p`.

    Args:
        folder: Where it may keep files.
        options: More flags; without `--cert` it speaks no TLS.
    """
    port, tls_port = _free_port(), _free_port()
    process = await asyncio.create_subprocess_exec(
        tool_path("turnserver"),
        *_flags(folder, port, tls_port),
        *(options or ("--no-tls",)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    daemon = TurnDaemon(port, tls_port, process, folder / "turn.log")
    try:
        await _answering(port)
        yield daemon
    finally:
        await daemon.kill()


def _flags(folder: Path, port: int, tls_port: int) -> Sequence[str]:
    return (
        "-n",
        "--listening-ip=127.0.0.1",
        f"--listening-port={port}",
        f"--tls-listening-port={tls_port}",
        "--relay-ip=127.0.0.1",
        "--lt-cred-mech",
        "--user=u:p",
        "--realm=handfast",
        "--allow-loopback-peers",
        "--no-dtls",
        "--no-cli",
        "--no-stdout-log",
        "--simple-log",
        f"--log-file={folder}/turn.log",
        f"--pidfile={folder}/turn.pid",
        f"--userdb={folder}/turn.db",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Probe(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answered = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.answered.set()


async def _answering(port: int) -> None:
    loop = asyncio.get_running_loop()
    transport, probe = await loop.create_datagram_endpoint(_Probe, local_addr=("127.0.0.1", 0))
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    try:
        for _ in range(_START_TRIES):
            transport.sendto(bytes(request), ("127.0.0.1", port))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(probe.answered.wait(), _ANSWER_WAIT)
                return
        raise TimeoutError("coturn did not answer")
    finally:
        transport.close()
