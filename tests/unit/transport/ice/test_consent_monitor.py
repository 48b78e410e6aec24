"""The silence of a peer counts from its last datagram, whenever the monitor looks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from peer.transport.ice.consent import ConsentState
from peer.transport.ice.consent_monitor import ConsentMonitor
from peer.transport.ice.timing import IceTiming
from tests.support.clock.virtual_time import in_virtual_time

if TYPE_CHECKING:
    from peer.transport.adapters.ice_agent import IceAgent


class SilentAgent:
    """An agent whose consent checks nobody answers."""

    def send_consent_check(self, on_answer: object) -> None:
        pass

    def probe_others(self, on_answer: object) -> None:
        pass

    def end_probes(self) -> None:
        pass

    def replace_path(self) -> bool:
        return False


@in_virtual_time
async def test_disconnected_comes_five_seconds_after_the_last_datagram() -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    received, read_at = 0, start
    states: list[tuple[ConsentState, float]] = []
    monitor = ConsentMonitor(
        cast("IceAgent", SilentAgent()),
        IceTiming(),
        activity=lambda: received,
        packets=lambda: received,
        read_at=lambda: read_at,
        on_state=lambda state: states.append((state, loop.time() - start)),
    )
    task = asyncio.create_task(monitor.run())
    # The last datagram comes well before the monitor looks, with its first check after 4 to 6 s.
    await asyncio.sleep(2.0)
    received, read_at = 1, loop.time()
    await task

    (silent, when), (expired, end) = states
    assert (silent, expired) == (ConsentState.SILENT, ConsentState.EXPIRED)
    # A check has to be unanswered for a second before silence counts at all.
    assert 7.0 <= when <= 7.01
    assert 30.0 <= end <= 30.01
