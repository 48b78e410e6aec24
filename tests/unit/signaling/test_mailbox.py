from __future__ import annotations

import asyncio

import pytest

from signaling.errors import ChannelClosed, ChannelLost
from signaling.mailbox import Mailbox


async def test_items_come_out_in_their_order() -> None:
    mailbox: Mailbox[int] = Mailbox(2)
    await mailbox.put(1)
    await mailbox.put(2)
    assert [await mailbox.get(), await mailbox.get()] == [1, 2]


async def test_put_waits_for_room() -> None:
    mailbox: Mailbox[int] = Mailbox(1)
    await mailbox.put(1)
    putting = asyncio.create_task(mailbox.put(2))
    await asyncio.sleep(0)
    assert not putting.done()
    assert await mailbox.get() == 1
    await putting
    assert await mailbox.get() == 2


async def test_offer_does_not_wait() -> None:
    mailbox: Mailbox[int] = Mailbox(1)
    assert mailbox.offer(1)
    assert not mailbox.offer(2)


async def test_items_in_a_closed_mailbox_can_be_taken() -> None:
    mailbox: Mailbox[int] = Mailbox(1)
    mailbox.offer(1)
    mailbox.close(ChannelLost("broken"))
    assert await mailbox.get() == 1
    with pytest.raises(ChannelLost, match="broken"):
        await mailbox.get()


async def test_a_discarding_close_throws_away_what_is_inside() -> None:
    mailbox: Mailbox[int] = Mailbox(1)
    mailbox.offer(1)
    mailbox.close(ChannelClosed("enough"), discard=True)
    with pytest.raises(ChannelClosed, match="enough"):
        await mailbox.get()


async def test_a_close_wakes_those_who_wait() -> None:
    empty: Mailbox[int] = Mailbox(1)
    full: Mailbox[int] = Mailbox(1)
    full.offer(1)
    waiting = [asyncio.create_task(empty.get()), asyncio.create_task(full.put(2))]
    await asyncio.sleep(0)
    empty.close(ChannelClosed("end"))
    full.close(ChannelClosed("end"))
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ChannelClosed, ChannelClosed]


async def test_the_first_close_says_why() -> None:
    mailbox: Mailbox[int] = Mailbox(1)
    mailbox.close(ChannelClosed("first"))
    mailbox.close(ChannelClosed("second"))
    assert mailbox.closed
    with pytest.raises(ChannelClosed, match="first"):
        await mailbox.put(1)


def test_a_mailbox_has_room_for_one_at_least() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Mailbox(0)


async def test_what_is_put_back_is_taken_again_before_all_others() -> None:
    mailbox: Mailbox[int] = Mailbox(2)
    mailbox.offer(1)
    mailbox.offer(2)
    first = await mailbox.get()
    mailbox.offer(3)
    mailbox.put_back(first)
    mailbox.close(ChannelClosed("over"))
    assert [await mailbox.get() for _ in range(3)] == [1, 2, 3]
