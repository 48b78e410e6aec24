"""Benchmark of the room server: messages a second, delay, and memory for each idle client.

Usage: `python -m benchmarks.signaling [ROUNDS [IDLE [BUSY [SECONDS]]]]`. Beside it in one run, each
server in a process of its own on one core and the load on the other: a bare relay of `websockets`
(what any room server on it has to pay for) and PeerServer (npm `peer`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.harness import ARTIFACTS
from benchmarks.signaling_load import MARK, Client, Dialect, at_rate, connect, flows, saturate
from benchmarks.signaling_servers import HOST, LIMITS
from benchmarks.targets import Target, judge
from handfast.open_files import allow_open_files
from handfast.serving import connections
from tests.support.network.free_ports import free_port
from tests.support.project.tools import NODE_MODULES, missing, tool_path

#: Rounds, idle and busy clients, and seconds of each measurement by default (ours).
ROUNDS, IDLE, BUSY, SECONDS = 5, 5_000, 500, 3.0
#: Messages a second at which delays are measured: what every server here can do (ours).
RATE: Final = 1_000
#: Least part of the bare relay's messages for each second of processor time, and most KB beyond
#: its memory for each idle client (the target).
LEAST_RATE, MOST_MEMORY = 0.8, 20.0
#: Cores of the server and of the load.
SERVER_CORE, LOAD_CORE = 0, 1
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
_START_TIMEOUT: Final = 60.0
#: Seconds in which all that is on its way comes, before the next measurement begins.
PAUSE: Final = 0.5
#: Octets of a candidate and of a description; one description comes with ten candidates.
BODIES: Final = (4_000, *10 * (150,))


@dataclass(frozen=True, slots=True)
class Subject:
    """A server that is measured.

    Args:
        name: Its name in the report.
        command: Its program; `{port}` stands for its port, where it takes one.
        dialect: What its clients say.
    """

    name: str
    command: tuple[str, ...]
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Busy:
    """Figures of one server with busy clients, in one round.

    Args:
        rate: Messages a second, as many as it can.
        cost: Microseconds of processor time for each of them.
        p50: Half of the messages took no longer than this, in ms, at `RATE`.
        p99: All but one of a hundred took no longer than this, in ms.
    """

    rate: float
    cost: float
    p50: float
    p99: float


def _room(number: int) -> str:
    return f"room-{number // 2}"


def _candidate(body: str) -> str:
    return json.dumps({"type": "candidate", "candidate": body, "sdpMid": "0", "sdpMLineIndex": 0})


OURS: Final = Subject(
    "handfast serve",
    (sys.executable, "-m", "benchmarks.signaling_servers", "handfast"),
    Dialect(
        path=lambda _: "/ws",
        hello=lambda number: json.dumps({"type": "join", "room": _room(number), "name": "bench"}),
        greeting=b'"joined"',
        message=lambda _, body: _candidate(body),
        ping=(b'"ping"', b'{"type":"pong"}'),
    ),
)
RELAY: Final = Subject(
    "bare websockets relay",
    (sys.executable, "-m", "benchmarks.signaling_servers", "relay"),
    Dialect(
        path=lambda number: f"/{_room(number)}",
        hello=None,
        greeting=None,
        message=lambda _, body: _candidate(body),
    ),
)


def peer_server() -> Subject:
    """Return PeerServer, whose clients name each other.

    Raises:
        FileNotFoundError: There is no Node.js.
    """
    program = f"{NODE_MODULES}/peer/dist/bin/peerjs.js"
    options = ("--port", "{port}", "--host", HOST, "--path", "/", "--concurrent_limit", "16384")
    return Subject(
        "PeerServer",
        (tool_path("node"), program, *options),
        Dialect(
            path=lambda number: f"/peerjs?key=peerjs&id=c{number}&token=t{number}&version=1.5.4",
            hello=None,
            greeting=b'"OPEN"',
            message=lambda number, body: json.dumps(
                {
                    "type": "CANDIDATE",
                    "dst": f"c{number ^ 1}",
                    "payload": {"candidate": body, "sdpMid": "0", "sdpMLineIndex": 0},
                }
            ),
        ),
    )


def processor_time(pid: int) -> float:
    """Read the processor time of a process so far, in seconds."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # proc(5): the 14th and the 15th field of all, user and system.
    return (int(stat[11]) + int(stat[12])) * _TICK


class Server:
    """A running server.

    Args:
        process: Its process.
        port: Its TCP port.
    """

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    @property
    def processor(self) -> float:
        """Processor time so far, in seconds."""
        return processor_time(self._process.pid)

    @property
    def memory(self) -> float:
        """Memory of its own that is in use, in KB: what it shares with its files is not counted."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return float(status.partition("RssAnon:")[2].split()[0])


@contextlib.asynccontextmanager
async def running(subject: Subject) -> AsyncIterator[Server]:
    """Run a server until the context ends, on a core of its own."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(word.replace("{port}", str(port)) for word in subject.command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(process.pid, {SERVER_CORE})
        assert process.stdout is not None
        async with asyncio.timeout(_START_TIMEOUT):
            said = await process.stdout.readline()
        # PeerServer says a sentence, once it listens.
        yield Server(process, int(said) if said.strip().isdigit() else port)
    finally:
        process.kill()
        await process.wait()


def close(clients: Sequence[Client]) -> None:
    """End all clients."""
    for client in clients:
        client.close()


async def measure_busy(subject: Subject, clients: int, seconds: float) -> Busy:
    """Measure how many messages a server passes on, and how long they take."""
    bodies = tuple(MARK.decode() + "x" * size for size in BODIES)
    async with running(subject) as server:
        connected = await connect(subject.dialect, server.port, range(clients))
        pairs = flows(subject.dialect, connected, bodies)
        await saturate(pairs, seconds / 4)
        await asyncio.sleep(PAUSE)
        before, begun = server.processor, asyncio.get_running_loop().time()
        passed = await saturate(pairs, seconds)
        took = asyncio.get_running_loop().time() - begun
        cost = (server.processor - before) / passed
        await asyncio.sleep(PAUSE)
        delays = await at_rate(pairs, RATE, seconds)
        close(connected)
    cuts = quantiles(delays, n=100)
    return Busy(passed / took, cost * 1e6, cuts[49] * 1e3, cuts[98] * 1e3)


async def measure_idle(subject: Subject, clients: int) -> float:
    """Measure the memory of a server for each client that says nothing, in KB."""
    async with running(subject) as server:
        first = await connect(subject.dialect, server.port, range(2), compression=True)
        before = server.memory
        rest = await connect(subject.dialect, server.port, range(2, clients + 2), compression=True)
        after = server.memory
        close([*first, *rest])
    return (after - before) / clients


async def run(rounds: int, idle: int, busy: int, seconds: float, console: Console) -> bool:
    """Measure all servers in turn and report; return whether the target is met."""
    allow_open_files(connections(LIMITS))
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {LOAD_CORE})
    subjects = [OURS, RELAY]
    if missing(("peerjs",)):
        console.print("PeerServer is left out: `make bench` installs it where Node.js and npm are.")
    else:
        subjects.append(peer_server())
    loads: dict[str, list[Busy]] = {subject.name: [] for subject in subjects}
    memory: dict[str, float] = {}
    for turn in range(rounds):
        for place in range(len(subjects)):
            subject = subjects[(turn + place) % len(subjects)]
            loads[subject.name].append(await measure_busy(subject, busy, seconds))
    for subject in subjects:
        memory[subject.name] = await measure_idle(subject, idle)
    return report(loads, memory, busy=busy, idle=idle, console=console)


def report(
    loads: dict[str, list[Busy]],
    memory: dict[str, float],
    *,
    busy: int,
    idle: int,
    console: Console,
) -> bool:
    """Print and save the figures; return whether the target is met."""
    table = Table(title=f"{busy} busy clients in pairs, {idle} idle ones, {HOST}")
    table.add_column("server")
    for heading in (
        "messages/s",
        "µs of processor each",
        "relay's / it",
        "spread",
        f"p50 at {RATE}/s",
        "p99",
        "KB for each idle",
    ):
        table.add_column(heading, justify="right")
    ratios: dict[str, list[float]] = {}
    for name, rounds in loads.items():
        ratios[name] = [
            bare.cost / one.cost for bare, one in zip(loads[RELAY.name], rounds, strict=True)
        ]
        table.add_row(
            name,
            f"{median(one.rate for one in rounds):,.0f}",
            f"{median(one.cost for one in rounds):.1f}",
            f"{median(ratios[name]):.2f}",
            f"{min(ratios[name]):.2f} to {max(ratios[name]):.2f}",
            f"{median(one.p50 for one in rounds):.2f} ms",
            f"{median(one.p99 for one in rounds):.2f} ms",
            f"{memory[name]:.1f}",
        )
    console.print(table)
    ARTIFACTS.mkdir(exist_ok=True)
    document = {
        "busy": {name: [asdict(one) for one in rounds] for name, rounds in loads.items()},
        "ratios": ratios,
        "memory": memory,
    }
    (ARTIFACTS / "bench-signaling.json").write_text(json.dumps(document, indent=2))
    beyond = memory[OURS.name] - memory[RELAY.name]
    targets = (
        Target("messages / the relay's", ratios[OURS.name], LEAST_RATE, at_least=True),
        Target("memory of an idle client beyond the relay's, KB", [beyond], MOST_MEMORY),
    )
    return judge("signaling", targets, console)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark from the command line."""
    numbers = [float(word) for word in arguments]
    given = [*numbers, *(ROUNDS, IDLE, BUSY, SECONDS)[len(numbers) :]]
    if len(given) != 4 or min(given) <= 0 or int(given[2]) % 2:
        print("ROUNDS, IDLE, BUSY and SECONDS are more than 0, BUSY is even", file=sys.stderr)
        return 2
    met = asyncio.run(run(int(given[0]), int(given[1]), int(given[2]), given[3], Console()))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
