"""Data channels as asynchronous iterators, and `await channel.send(...)`."""

from __future__ import annotations

import asyncio

import pytest

from peer.errors import InvalidStateError
from peer.transport.adapters.data_channel import SEND_AHEAD, DataChannel
from peer.transport.adapters.sctp_bounds import UNREAD_LIMIT, WINDOW
from tests.support.clock.deadline import DEADLINE
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.data_ends import End, next_event, open_pair
from tests.support.links.media_link import media_link

SIZE = 100_000


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_messages_are_iterated_until_the_channel_is_closed(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends)

    async def read() -> list[str | bytes]:
        return [message async for message in theirs]

    reading = asyncio.create_task(read())
    await turns()
    for message in ("one", b"two", ""):
        ours.send(message)
    ours.close()
    async with asyncio.timeout(DEADLINE):
        assert await reading == ["one", b"two", ""]


async def test_iteration_over_a_closed_channel_ends_at_once(ends: tuple[End, End]) -> None:
    ours, _ = await open_pair(*ends)
    closed = next_event(ours, "close")
    ours.close()
    await closed
    assert [message async for message in ours] == []


async def test_iteration_that_is_left_leaves_nothing_behind(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends)

    async def first() -> str | bytes | None:
        async for message in theirs:
            return message
        return None

    reading = asyncio.create_task(first())
    await turns()
    for _ in range(3):
        ours.send(bytes(SIZE))
    assert await reading == bytes(SIZE)
    await turns(2000)
    association = ends[1].transport._association  # noqa: SLF001 - what the peer may still send
    assert association._advertised_rwnd == WINDOW  # noqa: SLF001 - as above


async def test_a_slow_reader_slows_the_sender_down_and_loses_nothing(
    ends: tuple[End, End],
) -> None:
    ours, theirs = await open_pair(*ends)
    iteration = aiter(theirs)
    first = asyncio.ensure_future(anext(iteration))
    await turns()
    count = 3 * WINDOW // SIZE
    for number in range(count):
        ours.send(bytes([number]) * SIZE)
    await turns(5000)
    # What the window takes has gone, and hardly more.
    assert ours.bufferedAmount > count * SIZE - WINDOW - 2 * SIZE
    received = [await first]
    async with asyncio.timeout(DEADLINE):
        while len(received) < count:
            received.append(await anext(iteration))
    assert received == [bytes([number]) * SIZE for number in range(count)]
    assert ours.bufferedAmount == 0


async def test_data_far_beyond_a_closed_window_is_refused(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    iteration = aiter(theirs)
    reading = asyncio.ensure_future(anext(iteration))
    await turns()
    # Every message counts beside its bytes, empty ones as well.
    for _ in range(UNREAD_LIMIT // 64 + 1):
        theirs._receive("", 0)  # noqa: SLF001 - as the association does
    ours.send("beyond")
    await turns()
    assert right.transport.refused_chunks == 1
    assert await reading == ""


@in_virtual_time
async def test_a_closed_window_is_probed_where_its_opening_is_lost() -> None:
    left, right = (End(link) for link in media_link())
    ours, theirs = await open_pair(left, right)
    iteration = aiter(theirs)
    first = asyncio.ensure_future(anext(iteration))
    await turns()
    count = 2 * WINDOW // SIZE
    for number in range(count):
        ours.send(bytes([number]) * SIZE)
    await turns(3000)
    assert ours.bufferedAmount > 0
    right.link.wire.keep = lambda packet: False
    received = [await first]
    while len(received) * SIZE < WINDOW // 2:
        received.append(await anext(iteration))
    await turns()
    right.link.wire.keep = lambda packet: True
    while len(received) < count:
        received.append(await anext(iteration))
    assert received == [bytes([number]) * SIZE for number in range(count)]
    for end in (left, right):
        await end.transport.close()


async def _full(ends: tuple[End, End]) -> DataChannel:
    """Give a channel that has more to send than it may for now."""
    left, right = ends
    ours, _ = await open_pair(left, right)
    await turns()
    right.link.wire.keep = lambda packet: False
    for _ in range(2 * SEND_AHEAD // SIZE + 3):
        ours.send(bytes(SIZE))
    await turns()
    assert ours.bufferedAmount > SEND_AHEAD
    return ours


async def test_awaited_send_returns_at_once_while_little_waits(ends: tuple[End, End]) -> None:
    ours, _ = await open_pair(*ends)
    await ours.send("x")
    assert ours.bufferedAmount == 1


async def test_awaited_send_keeps_the_buffer_small(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends)
    received: list[object] = []
    arrived = asyncio.Event()

    def on_message(message: object) -> None:
        received.append(message)
        if len(received) == 40:
            arrived.set()

    theirs.on("message", on_message)
    async with asyncio.timeout(DEADLINE):
        for _ in range(40):
            await ours.send(bytes(SIZE))
            assert ours.bufferedAmount <= SEND_AHEAD
        await arrived.wait()


async def test_awaited_send_raises_where_the_channel_is_closed_meanwhile(
    ends: tuple[End, End],
) -> None:
    ours = await _full(ends)
    sending = asyncio.ensure_future(ours.send("x"))
    await turns()
    assert not sending.done()
    await ends[0].transport.close()
    with pytest.raises(InvalidStateError, match="bytes unsent"):
        await sending


async def test_cancelled_send_leaves_no_waiter(ends: tuple[End, End]) -> None:
    ours = await _full(ends)
    sending = asyncio.ensure_future(ours.send("x"))
    await turns()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    waiting = vars(ours)["_DataChannel__senders"]
    assert waiting == []
