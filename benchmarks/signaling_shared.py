"""Benchmark of two room servers with one Redis, beside one server with its rooms in its process.

Usage: `python -m benchmarks.signaling_shared [ROUNDS [BUSY [SECONDS]]]`. The servers and Redis have
one core together, and the load has the other: it shows what sharing costs, not how it grows with
machines. Members that talk to each other sit at one of the two servers, or at both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from benchmarks.harness import ARTIFACTS
from benchmarks.signaling import (
    BODIES,
    LOAD_CORE,
    OURS,
    PAUSE,
    SERVER_CORE,
    Subject,
    close,
    processor_time,
    running,
)
from benchmarks.signaling_load import MARK, Client, at_rate, connect, flows, saturate
from benchmarks.signaling_servers import LIMITS
from handfast.open_files import allow_open_files
from handfast.serving import connections
from tests.support.network.redis import redis_daemon
from tests.support.project.tools import missing

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Rounds, busy clients and seconds of each measurement by default (ours).
ROUNDS, BUSY, SECONDS = 3, 100, 3.0
#: Messages a second at which delays are measured: half of what all of them can do (ours).
RATE: Final = 200


class Arrangement(Enum):
    """Servers, and who of a pair sits where."""

    ALONE = "one server, no Redis"
    TOGETHER = "two servers, both members at one"
    APART = "two servers, a member at each"


@dataclass(frozen=True, slots=True)
class Shared:
    """Figures of one arrangement in one round.

    Args:
        rate: Messages a second, as many as they can.
        servers: Microseconds of processor time of the servers for each of them.
        redis: Those of Redis.
        p50: Half of the messages took no longer than this, in ms, at `RATE`.
        p99: All but one of a hundred took no longer than this, in ms.
    """

    rate: float
    servers: float
    redis: float
    p50: float
    p99: float


async def _pairs(arrangement: Arrangement, ports: Sequence[int], clients: int) -> list[Client]:
    """Let clients in, and return them in the order of their numbers."""
    half = clients // 2
    match arrangement:
        case Arrangement.ALONE:
            return await connect(OURS.dialect, ports[0], range(clients))
        case Arrangement.TOGETHER:
            first = await connect(OURS.dialect, ports[0], range(half))
            return [*first, *await connect(OURS.dialect, ports[1], range(half, clients))]
        case Arrangement.APART:
            even = await connect(OURS.dialect, ports[0], range(0, clients, 2))
            odd = await connect(OURS.dialect, ports[1], range(1, clients, 2))
            return [client for pair in zip(even, odd, strict=True) for client in pair]


async def measure(arrangement: Arrangement, clients: int, seconds: float) -> Shared:
    """Measure how many messages pass, what they cost whom, and how long they take."""
    bodies = tuple(MARK.decode() + "x" * size for size in BODIES)
    alone = arrangement is Arrangement.ALONE
    async with contextlib.AsyncExitStack() as stack:
        redis = None
        options: tuple[str, ...] = ()
        if not alone:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            daemon = await stack.enter_async_context(redis_daemon(folder))
            assert daemon.process is not None
            redis, options = daemon.process.pid, (daemon.url,)
            with contextlib.suppress(OSError):
                os.sched_setaffinity(redis, {SERVER_CORE})
        subject = Subject(arrangement.value, (*OURS.command, *options), OURS.dialect)
        servers = [
            await stack.enter_async_context(running(subject)) for _ in range(1 if alone else 2)
        ]

        def spent() -> tuple[float, float]:
            ours = sum(server.processor for server in servers)
            return ours, 0.0 if redis is None else processor_time(redis)

        connected = await _pairs(arrangement, [server.port for server in servers], clients)
        pairs = flows(OURS.dialect, connected, bodies)
        await saturate(pairs, seconds / 4)
        await asyncio.sleep(PAUSE)
        before, begun = spent(), asyncio.get_running_loop().time()
        passed = await saturate(pairs, seconds)
        took = asyncio.get_running_loop().time() - begun
        ours, of_redis = (now - then for now, then in zip(spent(), before, strict=True))
        await asyncio.sleep(PAUSE)
        delays = await at_rate(pairs, RATE, seconds)
        close(connected)
    cuts = quantiles(delays, n=100)
    return Shared(
        rate=passed / took,
        servers=ours / passed * 1e6,
        redis=of_redis / passed * 1e6,
        p50=cuts[49] * 1e3,
        p99=cuts[98] * 1e3,
    )


async def run(rounds: int, clients: int, seconds: float, console: Console) -> None:
    """Measure all arrangements in turn, and report."""
    allow_open_files(connections(LIMITS))
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {LOAD_CORE})
    figures: dict[str, list[Shared]] = {each.value: [] for each in Arrangement}
    for _ in range(rounds):
        for each in Arrangement:
            figures[each.value].append(await measure(each, clients, seconds))
    report(figures, clients, console)


def report(figures: dict[str, list[Shared]], clients: int, console: Console) -> None:
    """Print and save the figures."""
    table = Table(title=f"{clients} busy clients in pairs; servers and Redis on one core")
    table.add_column("servers")
    for heading in ("messages/s", "µs of servers each", "µs of Redis", f"p50 at {RATE}/s", "p99"):
        table.add_column(heading, justify="right")
    for name, rounds in figures.items():
        table.add_row(
            name,
            f"{median(one.rate for one in rounds):,.0f}",
            f"{median(one.servers for one in rounds):.0f}",
            f"{median(one.redis for one in rounds):.0f}",
            f"{median(one.p50 for one in rounds):.2f} ms",
            f"{median(one.p99 for one in rounds):.2f} ms",
        )
    console.print(table)
    ARTIFACTS.mkdir(exist_ok=True)
    document = {name: [asdict(one) for one in rounds] for name, rounds in figures.items()}
    (ARTIFACTS / "bench-signaling-shared.json").write_text(json.dumps(document, indent=2))


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark from the command line."""
    numbers = [float(word) for word in arguments]
    given = [*numbers, *(ROUNDS, BUSY, SECONDS)[len(numbers) :]]
    if len(given) != 3 or min(given) <= 0 or int(given[1]) % 4:
        print("ROUNDS, BUSY and SECONDS are more than 0, BUSY is a multiple of 4", file=sys.stderr)
        return 2
    if missing(("redis-server",)):
        print("redis-server is missing: `make tools` installs it.", file=sys.stderr)
        return 2
    asyncio.run(run(int(given[0]), int(given[1]), given[2], Console()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
