"""Time until a flight of the handshake is sent again, by the round trip that ICE has measured."""

from __future__ import annotations

import asyncio

import pytest

from peer.states import DtlsRole
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.rekey import DelayedLink
from tests.support.links.secure import End, joined, start

#: Seconds that a datagram takes from one end to the other.
DELAY = 0.15


def handshake_over(*round_trip_times: float | None) -> tuple[End, End]:
    """Join two ends by a long path; each has measured this round trip."""
    links = DelayedLink(delay=DELAY), DelayedLink(delay=DELAY)
    for link, measured in zip(links, round_trip_times, strict=True):
        link.round_trip_time = measured
    return joined(*links)


async def connect(client: End, server: End) -> list[int]:
    """Connect both ends; return how often a datagram went out again, by each end."""
    start(client, server)
    await asyncio.gather(client.secure.connected(), server.secure.connected())
    return [len(end.link.wire) - len(set(end.link.wire)) for end in (client, server)]


@in_virtual_time
async def test_flights_go_out_once_where_the_round_trip_is_known() -> None:
    assert await connect(*handshake_over(2 * DELAY, 2 * DELAY)) == [0, 0]


@in_virtual_time
async def test_flights_go_out_again_after_100_ms_where_the_round_trip_is_unknown() -> None:
    copies_of_client, copies_of_server = await connect(*handshake_over(None, None))
    assert copies_of_client > 0
    assert copies_of_server > 0


@in_virtual_time
async def test_flight_waits_on_where_the_round_trip_becomes_known_after_it_was_sent() -> None:
    client, server = handshake_over(2 * DELAY, None)
    loop = asyncio.get_running_loop()
    # The ClientHello arrives after DELAY, and is answered at once.
    loop.call_later(DELAY + 0.05, setattr, server.link, "round_trip_time", 2 * DELAY)
    assert await connect(client, server) == [0, 0]


@pytest.mark.parametrize(("measured", "first"), [(0.001, 0.1), (0.3, 0.6), (60.0, 1.6)])
def test_first_interval_is_two_round_trips_within_bounds(measured: float, first: float) -> None:
    @in_virtual_time
    async def run() -> None:
        client, server = handshake_over(measured, None)
        client.link.up = False
        client.connect(DtlsRole.CLIENT, server.fingerprints)
        client.link.up = True
        client.ice()
        await asyncio.sleep(first - 0.01)
        assert len(client.link.wire) == 1
        await asyncio.sleep(0.02)
        assert len(client.link.wire) == 2

    run()
