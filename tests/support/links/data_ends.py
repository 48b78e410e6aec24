"""DataTransports on the two ends of a link, and SCTP packets such as a peer would send."""

from __future__ import annotations

import asyncio
from struct import pack
from typing import TYPE_CHECKING, Any

from aiortc.rtcsctptransport import (
    Chunk,
    DataChunk,
    InitAckChunk,
    InitChunk,
    SackChunk,
    parse_packet,
    serialize_packet,
)
from google_crc32c import value as crc32c

from peer.states import SctpTransportState
from peer.transport.sctp.transport import DataChannel, DataTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.links.media_link import LinkEnd


class End:
    """DataTransport on one end of a link, with the channels and the close that it has reported."""

    def __init__(self, link: LinkEnd) -> None:
        self.link = link
        self.channels: asyncio.Queue[DataChannel] = asyncio.Queue()
        #: What the application does with a channel that it is told of.
        self.tell: Callable[[DataChannel], None] = DataChannel.announce_open
        self.closed = asyncio.Event()
        self.transport = DataTransport(
            on_channel=self.on_channel,
            on_close=self.closed.set,
        )
        link.on_data = self.transport.receive

    def on_channel(self, channel: DataChannel) -> None:
        self.channels.put_nowait(channel)
        self.tell(channel)

    @property
    def tag(self) -> int:
        """Verification tag of the packets that the peer sends to this end."""
        chunks = (parse_packet(packet)[3][0] for packet in self.link.wire.sent)
        inits = (chunk for chunk in chunks if isinstance(chunk, InitChunk | InitAckChunk))
        return int(next(inits).initiate_tag)

    @property
    def expected_tsn(self) -> int:
        """TSN of the next DATA chunk of the peer."""
        tsns = [0]
        for packet in self.link.peer.wire.sent:
            for chunk in parse_packet(packet)[3]:
                if isinstance(chunk, InitChunk | InitAckChunk):
                    tsns = [chunk.initial_tsn]
                elif isinstance(chunk, DataChunk):
                    tsns.append(chunk.tsn + 1)
        return tsns[-1]

    @property
    def acknowledged_tsn(self) -> int:
        """TSN of the peer that this end has acknowledged last."""
        chunks = (parse_packet(packet)[3][0] for packet in reversed(self.link.wire.sent))
        return int(next(c for c in chunks if isinstance(c, SackChunk)).cumulative_tsn)

    def start(self) -> None:
        self.transport.start(
            self.link.aiortc_dtls, remote_port=5000, remote_max_message_size=262144
        )

    def forge(self, *chunks: Chunk, tag: int | None = None) -> bytes:
        """Build a packet such as the peer would send."""
        tag = self.tag if tag is None else tag
        first, *rest = (serialize_packet(5000, 5000, tag, chunk) for chunk in chunks)
        packet = first + b"".join(each[12:] for each in rest)
        return with_checksum(packet)


def with_checksum(packet: bytes) -> bytes:
    return packet[:8] + pack("<L", crc32c(packet[:8] + bytes(4) + packet[12:])) + packet[12:]


def next_event(emitter: Any, event: str) -> asyncio.Future[Any]:
    """Return a future of the argument of the next event of this name."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    emitter.once(event, lambda *args: future.set_result(args[0] if args else None))
    return future


async def open_pair(left: End, right: End, **options: Any) -> tuple[DataChannel, DataChannel]:
    ours = left.transport.createDataChannel("chat", **options)
    opened = next_event(ours, "open")
    if left.transport.state is SctpTransportState.NEW:
        left.start()
        right.start()
    theirs = await right.channels.get()
    await opened
    return ours, theirs


def fragment(tsn: int, *, stream: int = 8, size: int = 1, flags: int = 2) -> DataChunk:
    chunk = DataChunk(flags=flags)
    chunk.tsn = tsn % 2**32
    chunk.stream_id = stream
    chunk.user_data = bytes(size)
    return chunk
