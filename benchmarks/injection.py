"""Measures the effect of injected datagrams on a call of ours and on one of aiortc's.

`python -m benchmarks.injection` sends both ends of a call 1,000 datagrams of each kind, from an
address that passed no ICE check and under the peer's own, before, during and after the handshake.
It exits with 1 where a call of ours is not set up or does not stay up.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiortc import RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack

from benchmarks.harness import ARTIFACTS
from peer import BundlePolicy, PeerConfiguration, PeerConnection
from tests.support.captures.injection import Injector, Kind, Moment, Origin, Sink, sink
from tests.support.captures.wire import Side, Wire, wire

if TYPE_CHECKING:
    from pathlib import Path

#: Datagrams of each kind (ours).
COUNT = 1000
#: Seconds until a call counts as broken (ours); on the loopback a set-up takes 0.05 s.
TIMEOUT = 5.0


@asynccontextmanager
async def ours() -> AsyncIterator[tuple[PeerConnection, PeerConnection]]:
    """Open two connections of ours."""
    configuration = PeerConfiguration(
        interfaces=("127.0.0.1",), bundlePolicy=BundlePolicy.MAX_BUNDLE
    )
    async with PeerConnection(configuration) as left, PeerConnection(configuration) as right:
        yield left, right


@asynccontextmanager
async def theirs() -> AsyncIterator[tuple[RTCPeerConnection, RTCPeerConnection]]:
    """Open two connections of aiortc's."""
    left, right = RTCPeerConnection(), RTCPeerConnection()
    try:
        yield left, right
    finally:
        await left.close()
        await right.close()


def their_sink(pc: RTCPeerConnection) -> Sink:
    """Return the receive callback of the socket that aiortc reads."""
    assert pc.sctp is not None
    connection = pc.sctp.transport.transport._connection  # noqa: SLF001 - it has no other name
    received: Sink = connection._protocols[0].datagram_received  # noqa: SLF001 - likewise
    return received


async def outcome(
    pair: Callable[[], AbstractAsyncContextManager[tuple[Any, Any]]],
    sink_of: Callable[[Any], Sink],
    kind: Kind,
    origin: Origin,
    moment: Moment,
) -> str:
    """Run one call under injection and describe its end."""
    async with wire() as between, pair() as (left, right):
        arrived = asyncio.Queue[str]()
        echo(right, arrived)
        channel = left.createDataChannel("x")
        left.addTrack(AudioStreamTrack())
        opened = asyncio.Event()
        channel.on("open", opened.set)
        channel.on("message", arrived.put_nowait)
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await described(left, right, between)
                sinks = {Side.OFFERER: sink_of(left), Side.ANSWERER: sink_of(right)}
                injector = Injector(between, sinks, kind, origin, COUNT)
                accept = asyncio.create_task(left.setRemoteDescription(answer))
                await injector.attend(moment)
                await accept
                await opened.wait()
        except TimeoutError:
            return f"not set up within {TIMEOUT:g} s ({left.connectionState})"
        injector.inject(COUNT)
        try:
            async with asyncio.timeout(TIMEOUT):
                channel.send("still here")
                while await arrived.get() != "echo: still here":
                    pass
        except (TimeoutError, ConnectionError, RuntimeError):
            return f"lost ({left.connectionState})"
        return "up"


def echo(pc: Any, arrived: asyncio.Queue[str]) -> None:
    """Echo data channel messages, and note their arrival."""

    def answer(event: Any) -> None:
        channel = getattr(event, "channel", event)
        channel.on("message", lambda text: channel.send(f"echo: {text}"))

    pc.on("datachannel", answer)


async def described(left: Any, right: Any, between: Wire) -> Any:
    """Exchange an offer over the wire, and return the answer as it leaves the wire."""
    await left.setLocalDescription(await left.createOffer())
    await right.setRemoteDescription(await between.offer(left.localDescription))
    await right.setLocalDescription(await right.createAnswer())
    return between.answer(right.localDescription)


async def table() -> tuple[list[str], bool]:
    """Return the table as Markdown, and whether each call of ours stayed up."""
    lines = [
        "| 1,000 datagrams each way | from | moment | handfast | aiortc |",
        "|---|---|---|---|---|",
    ]
    sound = True
    for kind in Kind:
        for origin in Origin:
            for moment in Moment:
                mine = await outcome(ours, sink, kind, origin, moment)
                other = await outcome(theirs, their_sink, kind, origin, moment)
                sound = sound and mine == "up"
                lines.append(f"| {kind} | {origin} | {moment} | {mine} | {other} |")
                print(lines[-1])
    return lines, sound


def write(lines: list[str]) -> Path:
    """Write the table to artifacts/."""
    ARTIFACTS.mkdir(exist_ok=True)
    path = ARTIFACTS / "injection.md"
    path.write_text("\n".join([*lines, ""]))
    return path


def main() -> int:
    """Run the benchmark, and write its table to artifacts/."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    lines, sound = asyncio.run(table())
    print(write(lines))
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
