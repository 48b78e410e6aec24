"""A burst on one connection, and another in the same process, which loses nothing by it."""

from __future__ import annotations

import asyncio

from tests.support.negotiation.connections import (
    connected_pair,
    expected,
    opened,
    until,
    within,
)

#: Messages of the burst, all given to the channel at once.
BURST = 3000
#: Messages of the other call meanwhile, one in each turn of the event loop.
BESIDE = 300


async def test_a_burst_on_one_connection_costs_another_no_packet() -> None:
    async with connected_pair() as (left, right, _), connected_pair() as (caller, callee, _):
        coming, other = expected(right, "datachannel"), expected(callee, "datachannel")
        flood = left.createDataChannel("flood")
        # Neither ordered nor sent again: what is lost stays lost.
        beside = caller.createDataChannel("beside", ordered=False, maxRetransmits=0)
        flooded: list[object] = []
        got: list[object] = []
        (await within(coming)).channel.on("message", flooded.append)
        (await within(other)).channel.on("message", got.append)
        await opened(flood)
        await opened(beside)

        for number in range(BURST):
            flood.send(str(number))
        for number in range(BESIDE):
            beside.send(str(number))
            await asyncio.sleep(0)
        await until(lambda: len(got) == BESIDE and len(flooded) == BURST)

        assert flooded == [str(number) for number in range(BURST)]
        assert sorted(map(int, map(str, got))) == list(range(BESIDE))
