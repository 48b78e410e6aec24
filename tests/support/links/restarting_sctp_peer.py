"""Peers that restart SCTP on one end of a link, as a DataTransport or packet by packet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiortc.rtcsctptransport import (
    CookieEchoChunk,
    DataChunk,
    InitAckChunk,
    InitChunk,
    parse_packet,
    serialize_packet,
)

from tests.support.links.data_ends import End, fragment

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.transport.sctp.transport import DataChannel

STRING = 51


async def deliver_all() -> None:
    """Run the event loop until all packets under way have arrived."""
    for _ in range(100):
        await asyncio.sleep(0)


def data_chunks(end: End) -> list[DataChunk]:
    """Return the DATA chunks that an end has sent."""
    return [
        chunk
        for packet in end.link.wire.sent
        for chunk in parse_packet(packet)[3]
        if isinstance(chunk, DataChunk)
    ]


def without_data(packet: bytes) -> bool:
    return not any(isinstance(chunk, DataChunk) for chunk in parse_packet(packet)[3])


def first_data(count: int) -> Callable[[bytes], bool]:
    """Return a filter that keeps so many packets with DATA, and all others."""
    kept: list[bytes] = []

    def keep(packet: bytes) -> bool:
        if without_data(packet):
            return True
        kept.append(packet)
        return len(kept) <= count

    return keep


class RestartedPeer:
    """A peer that has restarted SCTP, and kept channels of these ids."""

    def __init__(self, end: End, ids: tuple[int, ...]) -> None:
        # Nothing that was on its way to the old one may pass for its own.
        end.link.peer.wire.queue.clear()
        self.end = End(end.link)
        self.received: dict[int, list[object]] = {each: [] for each in ids}
        self.channels: dict[int, DataChannel] = {}
        for each in ids:
            channel = self.end.transport.createDataChannel("kept", negotiated=True, id=each)
            channel.on("message", self.received[each].append)
            self.channels[each] = channel

    async def connect(self) -> None:
        self.end.link.peer.wire.keep = lambda packet: True
        self.end.start()
        await deliver_all()


async def restart(end: End, *ids: int | None) -> RestartedPeer:
    restarted = RestartedPeer(end, tuple(each for each in ids if each is not None))
    await restarted.connect()
    return restarted


class ScriptedSctpPeer:
    """A peer that restarts SCTP, packet by packet."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.tag = 0
        self.cookie = b""

    def send_init(self, tag: int) -> None:
        init = InitChunk()
        init.initiate_tag, init.advertised_rwnd, init.initial_tsn = tag, 100_000, 1
        init.outbound_streams = init.inbound_streams = 10
        self.end.transport.receive(serialize_packet(5000, 5000, 0, init))
        (answer,) = parse_packet(self.end.link.wire.sent[-1])[3]
        assert isinstance(answer, InitAckChunk)
        self.tag = answer.initiate_tag
        self.cookie = dict(answer.params)[7]

    def send_echo(self, *more: DataChunk) -> None:
        echo = CookieEchoChunk(body=self.cookie)
        self.end.transport.receive(self.end.forge(echo, *more, tag=self.tag))


def text(tsn: int, words: str) -> DataChunk:
    chunk = fragment(tsn, stream=0, flags=3)
    chunk.protocol, chunk.user_data = STRING, words.encode()
    return chunk
