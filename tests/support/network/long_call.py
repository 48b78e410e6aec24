"""A call of two processes whose network and whose processes a test may stop, and its signalling.

`python -m tests.support.network.long_call impolite` runs one end: a Negotiator over its standard
input and output, a tone, and four `Look`s a second. Signalling goes by the test, and so stays while
the network is away. An end stops when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from media import SyntheticAudioTrack
from peer import IceServer, PeerConfiguration, PeerConnection, SdpType
from peer.rtp.inbound.stats import InboundRtpStats
from peer.tracing.events import Described, Direction
from signaling import Channel, ChannelClosed, Negotiator
from signaling.messages import decode, encode
from tests.support.clock.deadline import DEADLINE
from tests.support.network.process_end import end_by_input, send_signal
from tests.support.project.tools import ROOT
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from signaling import PeerMessage
    from tests.support.network.netns import Namespace

_LOOK = 0.25
_LINE_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Look:
    """One end at one moment.

    Attributes:
        state: `iceConnectionState`.
        received: Packets of sound that came so far.
        remote: Address and port that we send to.
        offers: Our own offers so far.
    """

    state: str
    received: int
    remote: str
    offers: int


class LongCallEnd:
    """One end, as the test sees it.

    Attributes:
        latest: The latest look.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.latest = Look("new", 0, "", 0)
        #: Every state that was seen, in order.
        self.states: list[str] = []
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<LongCallEnd {' '.join(self.states)}, {self.latest.offers} offers>"

    def signal(self, number: int) -> None:
        """Send a signal to the process, such as SIGSTOP."""
        send_signal(self.process, number)

    async def until(
        self, condition: Callable[[Look], bool], timeout: float = 2 * DEADLINE
    ) -> float:
        """Wait for a look that fulfils a condition; return the seconds that it took."""
        began = time.monotonic()
        async with asyncio.timeout(timeout):
            while not condition(self.latest):
                self._changed.clear()
                await self._changed.wait()
        return time.monotonic() - began

    async def hears(self, timeout: float = 2 * DEADLINE) -> float:
        """Wait until more sound comes, while the path is there; return the seconds that it took."""
        first = self.latest.received
        return await self.until(
            lambda look: look.received > first + 20 and look.state in ("connected", "completed"),
            timeout,
        )

    def write(self, line: str) -> None:
        assert self.process.stdin is not None
        if not self.process.stdin.is_closing():
            self.process.stdin.write(f"{line}\n".encode())

    async def read(self, other: LongCallEnd) -> None:
        """Take the lines of the process, and pass its signalling on, until it ends."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            said = json.loads(line)
            if "look" not in said:
                other.write(line.decode().strip())
                continue
            self.latest = Look(**said["look"])
            if self.states[-1:] != [self.latest.state]:
                self.states.append(self.latest.state)
            self._changed.set()


@dataclass(frozen=True, slots=True)
class LongCall:
    """Both ends of the call; the left one offered, and controls."""

    left: LongCallEnd
    right: LongCallEnd

    @property
    def offers(self) -> int:
        """Offers of both ends so far."""
        return self.left.latest.offers + self.right.latest.offers

    @property
    def has_failed(self) -> bool:
        """True where either end has ever said so."""
        return "failed" in self.left.states + self.right.states

    async def talks(self, timeout: float = 2 * DEADLINE) -> float:
        """Wait until both ends hear each other; return the seconds that it took."""
        return max(await asyncio.gather(self.left.hears(timeout), self.right.hears(timeout)))


@asynccontextmanager
async def long_call(
    left: Namespace | None = None, right: Namespace | None = None, *, stun: str = ""
) -> AsyncIterator[LongCall]:
    """Start both ends, and wait until they hear each other.

    Args:
        left: Network namespace of the offerer; here where None.
        right: That of the answerer.
        stun: URL of a STUN server.
    """
    async with _end("impolite", left, stun) as offerer, _end("polite", right, stun) as answerer:
        ends = LongCallEnd(offerer), LongCallEnd(answerer)
        readers = [
            asyncio.create_task(ends[0].read(ends[1])),
            asyncio.create_task(ends[1].read(ends[0])),
        ]
        try:
            call = LongCall(*ends)
            await call.talks()
            yield call
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.wait(readers)


@asynccontextmanager
async def _end(
    name: str, place: Namespace | None, stun: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    command: Sequence[str] = (sys.executable, "-m", __name__, name, *filter(None, [stun]))
    process = await asyncio.create_subprocess_exec(
        *(command if place is None else place.command(*command)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        await end_by_input(process)


class _StandardChannel(Channel):
    """Signalling over standard input and output."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def send(self, message: PeerMessage) -> None:
        print(encode(message), flush=True)

    async def receive(self) -> PeerMessage:
        if line := await self._reader.readline():
            message: PeerMessage = decode(line)  # type: ignore[assignment]  # no server speaks here
            return message
        raise ChannelClosed("the test ended")

    async def close(self, reason: str = "") -> None:
        pass

    @classmethod
    async def open(cls) -> Self:
        reader = asyncio.StreamReader(limit=_LINE_LIMIT)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        return cls(reader)


async def _main(name: str, servers: Sequence[str]) -> None:
    trace = Sink()
    configuration = PeerConfiguration(iceServers=tuple(map(IceServer, servers)), trace=trace)
    async with PeerConnection(configuration) as pc:
        channel = await _StandardChannel.open()
        negotiator = Negotiator(pc, channel, polite=name == "polite")
        if name != "polite":
            pc.addTrack(SyntheticAudioTrack())
        else:
            pc.on("track", lambda _: pc.addTrack(SyntheticAudioTrack()))
        looking = asyncio.create_task(_look(pc, trace))
        try:
            await negotiator.run()
        finally:
            looking.cancel()


async def _look(pc: PeerConnection, trace: Sink) -> None:
    while True:
        await asyncio.sleep(_LOOK)
        stats = (await pc.getStats()).values()
        received = sum(s.packetsReceived for s in stats if isinstance(s, InboundRtpStats))
        transports = pc.security.transports
        pair = transports[0].selected_pair if transports else None
        look = Look(
            state=pc.iceConnectionState.value,
            received=received,
            remote="" if pair is None else f"{pair[1].address}:{pair[1].port}",
            offers=_offers(trace),
        )
        print(json.dumps({"look": asdict(look)}), flush=True)


def _offers(trace: Sink) -> int:
    ours = (each for each in trace.all(Described) if each.direction is Direction.OUT)
    return sum(each.type is SdpType.OFFER for each in ours)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2:]))
