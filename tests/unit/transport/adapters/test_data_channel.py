"""Sending on a data channel: what is taken, what is refused, and how much waits (W3C 6.2)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiortc.rtcsctptransport import HeartbeatAckChunk, parse_packet

from peer.errors import BufferFullError, InvalidStateError, LocalError, MessageSizeError
from peer.transport.adapters.data_channel import BUFFER_LIMIT
from tests.support.links.data_ends import End, next_event, open_pair

LARGEST = 262_144


async def deliver_all(turns: int = 50) -> None:
    """Let everything arrive that is on its way."""
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("text", "text"),
        (b"bytes", b"bytes"),
        (bytearray(b"bytes"), b"bytes"),
        (memoryview(b"bytes"), b"bytes"),
        ("", ""),
        (b"", b""),
        ("half \ud800 a pair", "half � a pair"),
    ],
)
async def test_data_channel_sends_text_and_bytes_of_any_kind(
    ends: tuple[End, End], sent: Any, received: object
) -> None:
    ours, theirs = await open_pair(*ends)
    arriving = next_event(theirs, "message")
    ours.send(sent)
    assert await arriving == received


async def test_data_channel_copies_bytearray_before_send_returns(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends)
    arriving = next_event(theirs, "message")
    buffer = bytearray(b"before")
    ours.send(buffer)
    buffer[:] = b"after!"
    assert await arriving == b"before"


@pytest.mark.parametrize("data", [None, 1, ["x"]])
async def test_data_channel_refuses_other_types(ends: tuple[End, End], data: Any) -> None:
    ours, _ = await open_pair(*ends)
    with pytest.raises(TypeError, match="str or bytes"):
        ours.send(data)


async def test_connecting_data_channel_refuses_messages(ends: tuple[End, End]) -> None:
    channel = ends[0].transport.createDataChannel("x")
    with pytest.raises(InvalidStateError, match="connecting"):
        channel.send("x")


async def test_closed_data_channel_refuses_messages(ends: tuple[End, End]) -> None:
    ours, _ = await open_pair(*ends)
    await ends[0].transport.close()
    with pytest.raises(InvalidStateError, match="closed"):
        ours.send("x")


async def test_message_of_max_message_size_arrives(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends)
    arriving = next_event(theirs, "message")
    ours.send(bytes(LARGEST))
    assert await arriving == bytes(LARGEST)


@pytest.mark.parametrize("message", [bytes(LARGEST + 1), "é" * (LARGEST // 2) + "x"])
async def test_message_beyond_max_message_size_is_refused(
    ends: tuple[End, End], message: str | bytes
) -> None:
    ours, _ = await open_pair(*ends)
    with pytest.raises(MessageSizeError, match=f"{LARGEST + 1} bytes, the peer takes {LARGEST}"):
        ours.send(message)
    assert ours.bufferedAmount == 0


@pytest.mark.parametrize("limit", [0, 2 * BUFFER_LIMIT])
async def test_message_size_is_limited_by_buffer_if_peer_takes_more(
    ends: tuple[End, End], limit: int
) -> None:
    left, right = ends
    ours = left.transport.createDataChannel("x")
    opened = next_event(ours, "open")
    left.transport.start(left.link.aiortc_dtls, remote_port=5000, remote_max_message_size=limit)
    right.start()
    await opened
    with pytest.raises(MessageSizeError, match=str(BUFFER_LIMIT)):
        ours.send(bytes(BUFFER_LIMIT + 1))
    ours.send(bytes(BUFFER_LIMIT))


async def test_full_data_channel_buffer_refuses_and_keeps_messages(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    count = BUFFER_LIMIT // LARGEST
    for _ in range(count):
        ours.send(bytes(LARGEST))
    with pytest.raises(BufferFullError, match=f"{BUFFER_LIMIT} bytes wait"):
        ours.send("x")
    assert ours.bufferedAmount == BUFFER_LIMIT
    received: list[object] = []
    theirs.on("message", received.append)
    await next_event(ours, "bufferedamountlow")
    ours.send("and on")
    await deliver_all(count * LARGEST // 1000)

    assert received[-1] == "and on"
    assert len(received) == count + 1


async def test_full_data_channel_does_not_fill_another(ends: tuple[End, End]) -> None:
    full, _ = await open_pair(*ends)
    other, _ = await open_pair(*ends)
    for _ in range(BUFFER_LIMIT // LARGEST):
        full.send(bytes(LARGEST))
    other.send("x")
    assert other.bufferedAmount == 1


@pytest.mark.parametrize("error", [MessageSizeError, BufferFullError])
def test_data_channel_refusals_are_local_errors(error: type[Exception]) -> None:
    assert issubclass(error, LocalError)


async def test_bufferedamountlow_fires_once_at_the_threshold(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    ours.bufferedAmountLowThreshold = 5000
    low: list[int] = []
    ours.on("bufferedamountlow", lambda: low.append(ours.bufferedAmount))
    for _ in range(20):
        ours.send(bytes(1000))
    assert ours.bufferedAmount == 20_000
    assert low == []
    await deliver_all()

    assert ours.bufferedAmount == 0
    assert low == [5000]


async def test_messages_sent_on_bufferedamountlow_keep_their_order(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends)
    numbers = iter(range(3000))
    received: list[object] = []
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def more() -> None:
        for number in numbers:
            ours.send(str(number))
            return

    def on_message(message: object) -> None:
        received.append(message)
        if len(received) == 3000:
            done.set_result(None)

    ours.on("bufferedamountlow", more)
    theirs.on("message", on_message)
    more()
    await done

    assert received == [str(number) for number in range(3000)]


# ---- Probes


async def test_sctp_heartbeat_is_answered_and_changes_nothing(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await deliver_all()
    left.link.wire.sent.clear()
    right.link.wire.sent.clear()
    left.transport.send_heartbeat()
    await deliver_all()

    assert len(left.link.wire.sent) == 1
    (answer,) = (parse_packet(packet)[3][0] for packet in right.link.wire.sent)
    assert isinstance(answer, HeartbeatAckChunk)
    assert ours.readyState == "open"


async def test_sctp_heartbeat_before_association_is_not_sent(ends: tuple[End, End]) -> None:
    left, _ = ends
    left.transport.send_heartbeat()
    left.start()
    sent = len(left.link.wire.sent)
    left.transport.send_heartbeat()
    assert len(left.link.wire.sent) == sent


async def test_sctp_heartbeat_after_close_is_not_sent(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    await left.transport.close()
    sent = len(left.link.wire.sent)
    left.transport.send_heartbeat()
    assert len(left.link.wire.sent) == sent
