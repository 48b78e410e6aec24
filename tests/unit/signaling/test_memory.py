from __future__ import annotations

import asyncio

import pytest

from signaling import Candidate, ChannelClosed, Offer, channel_pair


async def test_messages_arrive_in_their_order_both_ways() -> None:
    here, there = channel_pair()
    await here.send(Offer(sdp="1"))
    await here.send(Candidate(candidate="2"))
    await there.send(Offer(sdp="3"))
    assert await there.receive() == Offer(sdp="1")
    assert await there.receive() == Candidate(candidate="2")
    assert await here.receive() == Offer(sdp="3")


async def test_a_full_channel_makes_the_sender_wait() -> None:
    here, there = channel_pair(capacity=1)
    await here.send(Offer(sdp="1"))
    sending = asyncio.create_task(here.send(Offer(sdp="2")))
    await asyncio.sleep(0)
    assert not sending.done()
    await there.receive()
    await sending


async def test_memory_channel_delivers_sent_messages_before_it_closes() -> None:
    here, there = channel_pair()
    await here.send(Offer(sdp="1"))
    await here.close("done")
    assert [message async for message in there] == [Offer(sdp="1")]
    with pytest.raises(ChannelClosed, match="done"):
        await there.receive()


async def test_the_end_that_closes_receives_no_more() -> None:
    here, there = channel_pair()
    await there.send(Offer(sdp="1"))
    await here.close()
    with pytest.raises(ChannelClosed, match="this end"):
        await here.receive()


async def test_closed_memory_channel_sends_no_message() -> None:
    here, there = channel_pair()
    await here.close()
    for end in (here, there):
        with pytest.raises(ChannelClosed):
            await end.send(Offer(sdp="1"))


async def test_a_sender_that_waits_learns_of_the_close() -> None:
    here, there = channel_pair(capacity=1)
    await here.send(Offer(sdp="1"))
    sending = asyncio.create_task(here.send(Offer(sdp="2")))
    await asyncio.sleep(0)
    await there.close()
    with pytest.raises(ChannelClosed):
        await sending


async def test_an_async_with_block_closes_the_channel() -> None:
    here, there = channel_pair()
    async with here:
        await here.send(Offer(sdp="1"))
    assert [message async for message in there] == [Offer(sdp="1")]


async def test_a_delay_holds_every_message_back_for_as_long() -> None:
    here, there = channel_pair(delay=0.02)
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(5):
        await here.send(Offer(sdp=str(number)))
    received = [await there.receive() for _ in range(5)]
    assert received == [Offer(sdp=str(number)) for number in range(5)]
    assert loop.time() - start >= 0.019


async def test_a_receive_that_is_cancelled_loses_nothing() -> None:
    here, there = channel_pair(delay=0.02)
    await here.send(Offer(sdp="1"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await there.receive()
    receiving = asyncio.create_task(there.receive())
    await asyncio.sleep(0)
    receiving.cancel()
    await asyncio.wait((receiving,))
    assert await there.receive() == Offer(sdp="1")


async def test_repr_of_memory_channel_has_state_and_delay() -> None:
    here, _ = channel_pair(delay=0.25)
    assert repr(here) == "<MemoryChannel open 0.25 s>"
    await here.close()
    assert repr(here) == "<MemoryChannel closed 0.25 s>"
