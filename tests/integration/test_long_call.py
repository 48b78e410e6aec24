"""A long call: it lives on through outages, other addresses and stopped processes."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.network.long_call import LongCall, LongCallEnd, long_call
from tests.support.network.netns import Internet, Nat, Site, internet
from tests.support.network.turn import turn_daemon
from tests.support.peers.marks import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.needs("ip", "nft", "turnserver"), pytest.mark.xdist_group("nat")]

#: `make interop` has the long table, ten minutes of it.
LONG = EVERYTHING
#: Seconds after which consent expires (RFC 7675 section 5.1), and only an ICE restart helps.
EXPIRY = 30.0
#: The left end has offered, and controls.
SIDES = ["left", "right"]
#: Other public addresses of the sites.
PUBLIC = {"left": "203.0.113.77", "right": "203.0.113.88"}
#: Other private addresses of their computers.
PRIVATE = {"left": "10.0.1.7", "right": "10.0.2.7"}
OUTAGES = (
    [(side, seconds, Nat.OPEN) for side in SIDES for seconds in (3, 8, 20, 40)]
    + [(side, 8, Nat.RESTRICTED) for side in SIDES]
    if LONG
    else [("right", 3, Nat.OPEN)]
)
UNPLUGGED = [(side, seconds) for side in SIDES for seconds in (8, 40)] if LONG else []
STOPS = [(side, seconds) for side in SIDES for seconds in (5, 25, 60)] if LONG else [("left", 2)]


def ends(call: LongCall, side: str) -> tuple[LongCallEnd, LongCallEnd]:
    """The end of a side, and the other one."""
    return (call.left, call.right) if side == "left" else (call.right, call.left)


@asynccontextmanager
async def away(
    folder: Path, side: str, other: Nat
) -> AsyncIterator[tuple[Internet, Site, LongCall]]:
    """A call of two computers behind NATs, of which that at one side is about to go away."""
    nats = {"left": other, "right": other, side: Nat.RESTRICTED}
    with internet(**nats) as net:
        async with (
            turn_daemon(folder, place=net.server) as server,
            long_call(net.left.home, net.right.home, stun=server.stun_url) as call,
        ):
            yield net, net.left if side == "left" else net.right, call


@pytest.mark.parametrize(("side", "seconds", "other"), OUTAGES)
async def test_network_that_comes_back_at_another_address_is_followed(
    tmp_path: Path, side: str, seconds: float, other: Nat
) -> None:
    async with away(tmp_path, side, other) as (net, site, call):
        offers = call.offers
        with site.outage():
            site.move(net.server, PUBLIC[side])
            await asyncio.sleep(seconds)
        took = await call.talks()
        print(f"{side} moved, away for {seconds} s: heard again after {took:.1f} s; {call}")

        assert ends(call, side)[1].latest.remote.startswith(PUBLIC[side])
        assert call.offers > offers or not call.has_failed
        # Where the other NAT lets nobody in, its end has to learn of the address from signalling.
        if seconds < EXPIRY / 2 and other is Nat.OPEN:
            assert call.offers == offers


@pytest.mark.parametrize(("side", "seconds"), STOPS)
async def test_call_goes_on_after_one_of_its_processes_was_stopped(
    side: str, seconds: float
) -> None:
    async with long_call() as call:
        end, _ = ends(call, side)
        end.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        end.signal(signal.SIGCONT)
        took = await call.talks()
        print(f"{side} stopped for {seconds} s: heard again after {took:.1f} s; {call}")
        if LONG:
            await asyncio.sleep(EXPIRY / 3)
        states = {call.left.latest.state, call.right.latest.state}
        assert states <= {"connected", "completed"}


if LONG:

    @pytest.mark.parametrize(("side", "seconds"), UNPLUGGED)
    async def test_computer_that_comes_back_at_another_address_of_its_own_is_found_by_a_restart(
        tmp_path: Path, side: str, seconds: float
    ) -> None:
        async with away(tmp_path, side, Nat.RESTRICTED) as (_, site, call):
            with site.unplugged(PRIVATE[side]):
                await asyncio.sleep(seconds)
            took = await call.talks()
            print(f"{side} unplugged for {seconds} s: heard after {took:.1f} s; {call}")
