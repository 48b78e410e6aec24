"""Runs a real TURN server (coturn) on loopback or in a network namespace."""

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
from tests.support.clock.deadline import DEADLINE
from tests.support.network.free_ports import free_run
from tests.support.network.listening import listening
from tests.support.network.process_end import kill
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.network.netns import Namespace

_HOST = "127.0.0.1"
_ANSWER_TIMEOUT = 0.1
_START_TRIES = round(DEADLINE / _ANSWER_TIMEOUT)


@dataclass
class TurnDaemon:
    """A running coturn process."""

    host: str
    port: int
    tls_port: int
    process: asyncio.subprocess.Process
    log_file: Path

    def log(self) -> str:
        """Return the log of coturn so far."""
        return self.log_file.read_text()

    @property
    def stun_url(self) -> str:
        return f"stun:{self.host}:{self.port}"

    def turn(self, scheme: str = "turn", query: str = "", credential: str = "p") -> IceServer:
        """Return the ICE server that uses this daemon as TURN server."""
        port = self.tls_port if scheme == "turns" else self.port
        return IceServer(f"{scheme}:{self.host}:{port}{query}", username="u", credential=credential)

    def stun(self) -> IceServer:
        """Return the ICE server that uses this daemon as STUN server."""
        return IceServer(self.stun_url)

    async def kill(self) -> None:
        """Kill coturn, without a packet to its clients."""
        kill(self.process)
        await self.process.wait()


@asynccontextmanager
async def turn_daemon(
    folder: Path, *options: str, place: Namespace | None = None
) -> AsyncIterator[TurnDaemon]:
    """Run coturn until it answers; user `u`, password `p`.

    Args:
        folder: Directory for its files.
        options: More flags; without `--cert` coturn speaks no TLS.
        place: Network namespace that it runs in; loopback where None.
    """
    host = _HOST if place is None else place.address
    port, tls_port = free_run(2)
    command = (
        tool_path("turnserver"),
        *_flags(folder, host, port, tls_port),
        *(options or ("--no-tls",)),
    )
    process = await asyncio.create_subprocess_exec(
        *(command if place is None else place.command(*command)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    daemon = TurnDaemon(host, port, tls_port, process, folder / "turn.log")
    try:
        await _answering((host, port), place)
        for listener in (port,) if "--no-tls" in command else (port, tls_port):
            # It may open them after the one of UDP.
            await listening((host, listener), place)
        yield daemon
    finally:
        await daemon.kill()


def _flags(folder: Path, host: str, port: int, tls_port: int) -> Sequence[str]:
    return (
        "-n",
        f"--listening-ip={host}",
        f"--listening-port={port}",
        f"--tls-listening-port={tls_port}",
        f"--relay-ip={host}",
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


class _Probe(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answered = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.answered.set()


async def _answering(address: tuple[str, int], place: Namespace | None) -> None:
    loop = asyncio.get_running_loop()
    kind = (socket.AF_INET, socket.SOCK_DGRAM)
    inside = socket.socket(*kind) if place is None else place.socket(*kind)
    inside.bind((address[0], 0))
    transport, probe = await loop.create_datagram_endpoint(_Probe, sock=inside)
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    try:
        for _ in range(_START_TRIES):
            transport.sendto(bytes(request), address)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(probe.answered.wait(), _ANSWER_TIMEOUT)
                return
        raise TimeoutError("coturn did not answer")
    finally:
        transport.close()
