"""Texts over the data channel `chat`: in order, bounded, and whatever else comes is passed over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer import BufferFullError, PeerConnection
from signaling.chat import MAX_TEXT, Chat
from tests.support.negotiation.connections import connect, loopback, pair

if TYPE_CHECKING:
    from peer import DataChannelEvent


async def test_texts_that_wait_for_the_channel_arrive_in_order() -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with pair() as (left, right):
        here, there = Chat(left, heard.put_nowait), Chat(right, heard.put_nowait)
        right.on("datachannel", lambda event: there.adopt(event.channel))
        texts = [f"{number} ünï\n" for number in range(20)]
        for text in texts:
            here.send(text)
        await connect(left, right)
        assert [await heard.get() for _ in texts] == texts
        # The other end answers over the channel that is there.
        there.send("answer")
        assert await heard.get() == "answer"


async def test_a_text_too_long_and_a_text_too_many_are_refused_by_name() -> None:
    async with PeerConnection(loopback()) as pc:
        chat = Chat(pc, print)
        with pytest.raises(ValueError, match="at most 16384"):
            chat.send("x" * (MAX_TEXT + 1))
        for _ in range(256):
            chat.send("x" * MAX_TEXT)
        with pytest.raises(BufferFullError, match="256 texts"):
            chat.send("one more")


async def test_more_than_the_channel_buffers_at_once_is_sent_as_it_drains() -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with pair() as (left, right):
        here, there = Chat(left, print), Chat(right, heard.put_nowait)
        right.on("datachannel", lambda event: there.adopt(event.channel))
        texts = [f"{number:03}" * 5000 for number in range(40)]
        for text in texts:
            here.send(text)
        await connect(left, right)
        assert [await heard.get() for _ in texts] == texts


@pytest.mark.parametrize(
    "data",
    ["hello", "{}", '{"text":1}', b"\xff", "[" * 5000, '{"text":"' + "x" * (MAX_TEXT + 1) + '"}'],
    ids=["no JSON", "no text", "a number", "no UTF-8", "deep", "long"],
)
async def test_what_is_no_text_is_passed_over(
    data: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with pair() as (left, right):
        there = Chat(right, heard.put_nowait)
        opened: asyncio.Queue[DataChannelEvent] = asyncio.Queue()
        right.on("datachannel", opened.put_nowait)
        channel = left.createDataChannel("chat")
        await connect(left, right)
        there.adopt((await opened.get()).channel)
        channel.send(data)
        channel.send('{"text":"after it","more":1}')
        assert await heard.get() == "after it"
    assert "is no text" in caplog.text or "is passed over" in caplog.text
