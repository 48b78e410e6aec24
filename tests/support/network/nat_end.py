"""Runs one end of a call in a process of its own, which a test starts inside a namespace.

`python -m tests.support.network.nat_end offerer tone stun:198.51.100.1:3478` writes its description
as a line of JSON and reads that of the other end; once it receives the other's `Load` it writes a
`Report`, and it ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from aiortc.mediastreams import MediaStreamTrack

from peer import Certificate, IceServer, PeerConfiguration, PeerConnection, SessionDescription
from peer.identity.certificate import KeyType
from tests.support.captures.wire import Side
from tests.support.clock.deadline import DEADLINE
from tests.support.media.moving import moving_picture
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import expected, local, within
from tests.support.network.process_end import end_by_input
from tests.support.project.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from av import VideoFrame

    from tests.support.network.netns import Namespace
    from tests.support.network.turn import TurnDaemon

_PITCH = 500
_LINE_LIMIT = 1 << 20
#: Pictures that an end waits for.
_PICTURES = 30


class Load(StrEnum):
    """What both ends send."""

    #: A tone, and a certificate with ECDSA: all datagrams are small.
    TONE = "tone"
    #: Pictures of several packets, and a certificate with RSA.
    PICTURES = "pictures"


@dataclass(frozen=True, slots=True)
class Report:
    """Selected pair and peer of one end.

    Attributes:
        role: Our DTLS role.
        local_type: Type of the local candidate.
        remote_type: Type of the remote candidate.
        remote: Address of the remote candidate.
        verified: The peer's certificate has the fingerprint that it signalled.
    """

    role: str
    local_type: str
    remote_type: str
    remote: tuple[str, int]
    verified: bool

    @classmethod
    def of(cls, pc: PeerConnection) -> Self:
        (transport,) = pc.security.transports
        assert transport.role is not None
        assert transport.selected_pair is not None
        near, far = transport.selected_pair
        address = far.address, far.port
        return cls(transport.role.value, near.type, far.type, address, transport.verified)


class NatEnd:
    """Process of one end, as the test sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def write_line(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        await self._process.stdin.drain()

    async def read_line(self, timeout: float = DEADLINE) -> dict[str, Any]:
        """Read the next line of the process.

        Raises:
            EOFError: The process ended; the message is its standard error.
        """
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        async with asyncio.timeout(timeout):
            if line := await self._process.stdout.readline():
                said: dict[str, Any] = json.loads(line)
                return said
            raise EOFError((await self._process.stderr.read()).decode())

    async def report(self) -> Report:
        # It has itself to begin, to connect, and to take its load.
        said = await self.read_line(3 * DEADLINE)
        return Report(**{**said, "remote": tuple(said["remote"])})


@asynccontextmanager
async def nat_end(
    side: Side, place: Namespace, server: TurnDaemon, load: Load = Load.TONE
) -> AsyncIterator[NatEnd]:
    """Start the process of one end.

    Args:
        side: Offerer or answerer.
        place: Network namespace that it runs in.
        server: STUN server that it asks for its public address.
        load: What it sends, and waits for.
    """
    process = await asyncio.create_subprocess_exec(
        *place.command(sys.executable, "-m", __name__, side.value, load.value, server.stun_url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        cwd=ROOT,
    )
    try:
        yield NatEnd(process)
    finally:
        await end_by_input(process)


class _PictureTrack(MediaStreamTrack):
    """Pictures that cost bits, thirty a second."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._number = 0

    async def recv(self) -> VideoFrame:
        await asyncio.sleep(1 / 30)
        self._number += 1
        return moving_picture(self._number)


async def _main(side: Side, load: Load, url: str) -> None:
    certificates = [Certificate.generate(KeyType.RSA_2048)] if load is Load.PICTURES else []
    configuration = PeerConfiguration(iceServers=(IceServer(url),), certificates=certificates)
    async with _standard_input() as reader, PeerConnection(configuration) as pc:
        coming = expected(pc, "track")
        pc.addTrack(ToneTrack(_PITCH) if load is Load.TONE else _PictureTrack())
        if side is Side.OFFERER:
            await _describe(pc)
            await _set_remote(pc, reader)
        else:
            await _set_remote(pc, reader)
            await _describe(pc)
        await within(pc.connected())
        track = (await within(coming)).track
        if load is Load.TONE:
            await hears(track, _PITCH)
        else:
            for _ in range(_PICTURES):
                await within(track.recv())
        _write_line(asdict(Report.of(pc)))
        await reader.read()


async def _describe(pc: PeerConnection) -> None:
    await pc.setLocalDescription()
    await within(pc.gathering_complete())
    _write_line({"type": local(pc).type.value, "sdp": local(pc).sdp})


async def _set_remote(pc: PeerConnection, reader: asyncio.StreamReader) -> None:
    await pc.setRemoteDescription(SessionDescription(**json.loads(await reader.readline())))


def _write_line(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


@asynccontextmanager
async def _standard_input() -> AsyncIterator[asyncio.StreamReader]:
    reader = asyncio.StreamReader(limit=_LINE_LIMIT)
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        yield reader
    finally:
        pipe.close()


if __name__ == "__main__":
    asyncio.run(_main(Side(sys.argv[1]), Load(sys.argv[2]), sys.argv[3]))
