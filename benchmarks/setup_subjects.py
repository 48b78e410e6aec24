"""Subjects of the set-up benchmark: one set-up by each library, with trickle ICE if it can."""

from __future__ import annotations

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from time import perf_counter, process_time
from types import TracebackType
from typing import Self

from aiortc import RTCConfiguration, RTCPeerConnection

from peer import IceCandidateEvent, PeerConfiguration, PeerConnection, SessionDescription
from peer.tracing.events import TraceEvent

ROOT = Path(__file__).parents[1]
NODE_MODULES = ROOT / ".cache" / "node" / "node_modules"
#: Seconds after which a set-up counts as broken (ours).
TIMEOUT = 30


class StatelessSubject:
    """Base of the subjects that keep nothing between rounds."""

    name: str

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None


class Handfast(StatelessSubject):
    """Set-up of two connections of ours."""

    name = "handfast"

    async def measure(self) -> float:
        """Set up once, and return the milliseconds it took."""
        async with self._connection() as offerer, self._connection() as answerer:
            return await self.connect(offerer, answerer)

    async def connect(self, offerer: PeerConnection, answerer: PeerConnection) -> float:
        """Connect two ends by a data channel, and return the milliseconds it took."""
        opened = asyncio.Event()
        channel = offerer.createDataChannel("benchmark")
        channel.on("open", opened.set)
        to_answerer, to_offerer = asyncio.Event(), asyncio.Event()
        _trickle(offerer, answerer, to_answerer)
        _trickle(answerer, offerer, to_offerer)

        start = perf_counter()
        await offerer.setLocalDescription(await offerer.createOffer())
        await answerer.setRemoteDescription(_description(offerer))
        to_answerer.set()
        await answerer.setLocalDescription(await answerer.createAnswer())
        await offerer.setRemoteDescription(_description(answerer))
        to_offerer.set()
        async with asyncio.timeout(TIMEOUT):
            await opened.wait()
        return (perf_counter() - start) * 1000

    def _connection(self) -> PeerConnection:
        return PeerConnection()


class HandfastWork(Handfast):
    """Processor time of a set-up of two connections of ours, from the first line of both."""

    async def measure(self) -> float:
        """Set up once, and return the milliseconds of processor time that both ends took."""
        start = process_time()
        offerer, answerer = self._connection(), self._connection()
        async with offerer, answerer:
            await self.connect(offerer, answerer)
            return (process_time() - start) * 1000


class TracedHandfast(Handfast):
    """Set-up of two connections of ours that trace into a list."""

    name = "handfast, traced"

    def _connection(self) -> PeerConnection:
        return PeerConnection(PeerConfiguration(trace=list[TraceEvent]().append))


def _description(connection: PeerConnection) -> SessionDescription:
    description = connection.localDescription
    assert description is not None
    return description


def _trickle(source: PeerConnection, target: PeerConnection, ready: asyncio.Event) -> None:
    async def forward(event: IceCandidateEvent) -> None:
        await ready.wait()
        await target.addIceCandidate(event.candidate)

    source.on("icecandidate", forward)


class Aiortc(StatelessSubject):
    """Set-up of two aiortc connections, without trickle ICE, which aiortc lacks."""

    name = "aiortc"

    async def measure(self) -> float:
        """Set up once, and return the milliseconds it took."""
        offerer, answerer = self.connection(), self.connection()
        taken = await self.connect(offerer, answerer)
        await asyncio.gather(offerer.close(), answerer.close())
        return taken

    @staticmethod
    def connection() -> RTCPeerConnection:
        """Make a connection that asks no server."""
        return RTCPeerConnection(RTCConfiguration(iceServers=[]))

    async def connect(self, offerer: RTCPeerConnection, answerer: RTCPeerConnection) -> float:
        """Connect two ends by a data channel, and return the milliseconds it took."""
        opened = asyncio.Event()
        channel = offerer.createDataChannel("benchmark")
        channel.on("open", opened.set)

        start = perf_counter()
        await offerer.setLocalDescription(await offerer.createOffer())
        await answerer.setRemoteDescription(offerer.localDescription)
        await answerer.setLocalDescription(await answerer.createAnswer())
        await offerer.setRemoteDescription(answerer.localDescription)
        async with asyncio.timeout(TIMEOUT):
            await opened.wait()
        return (perf_counter() - start) * 1000


class AiortcWork(Aiortc):
    """Processor time of a set-up of two aiortc connections, from the first line of both."""

    async def measure(self) -> float:
        """Set up once, and return the milliseconds of processor time that both ends took."""
        start = process_time()
        offerer, answerer = self.connection(), self.connection()
        await self.connect(offerer, answerer)
        taken = (process_time() - start) * 1000
        await asyncio.gather(offerer.close(), answerer.close())
        return taken


class Libwebrtc:
    """Set-up by libwebrtc (`@roamhq/wrtc`) in a Node.js process, once for each line."""

    name = "libwebrtc"

    def __init__(self) -> None:
        self._process: Process | None = None

    @staticmethod
    def available() -> bool:
        """Return True if Node.js and the package are installed."""
        return shutil.which("node") is not None and (NODE_MODULES / "@roamhq" / "wrtc").is_dir()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(Path(__file__).with_name("wrtc_setup.js")),
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def measure(self) -> float:
        """Set up once, and return the milliseconds of the process's own clock."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"set up\n")
        async with asyncio.timeout(TIMEOUT):
            return float(await self._process.stdout.readline())
