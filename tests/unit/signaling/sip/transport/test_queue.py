"""The queue of a transport's events is bounded, whatever is put in and nobody takes."""

from __future__ import annotations

import asyncio

import pytest

from signaling.sip.errors import SipTransportError
from signaling.sip.transport.events import SipTransportLost
from signaling.sip.transport.queue import TransportQueue
from tests.support.clock.virtual_time import in_virtual_time


@in_virtual_time
async def test_events_that_nobody_takes_are_bounded_and_the_newest_kept() -> None:
    queue = TransportQueue(4)
    for number in range(20):
        queue.tell(SipTransportLost(str(number)))
    assert not queue.offer(SipTransportLost("message"))
    taken = [await queue.get() for _ in range(8)]
    assert taken == [SipTransportLost(str(number)) for number in range(12, 20)]
    assert queue.offer(SipTransportLost("message"))


@in_virtual_time
async def test_who_waits_for_room_gets_it_when_an_event_is_taken() -> None:
    queue = TransportQueue(1)
    await queue.put(SipTransportLost("1"))
    waiting = asyncio.create_task(queue.put(SipTransportLost("2")))
    await asyncio.sleep(1.0)
    assert not waiting.done()
    assert await queue.get() == SipTransportLost("1")
    assert await queue.get() == SipTransportLost("2")
    await waiting


@in_virtual_time
async def test_an_ended_queue_gives_what_it_has_and_then_its_reason() -> None:
    queue = TransportQueue(1)
    await queue.put(SipTransportLost("1"))
    waiting = asyncio.create_task(queue.put(SipTransportLost("2")))
    await asyncio.sleep(1.0)
    queue.end("closed")
    queue.end("closed again")
    await waiting
    assert await queue.get() == SipTransportLost("1")
    with pytest.raises(SipTransportError, match=r"closed$"):
        await queue.get()
