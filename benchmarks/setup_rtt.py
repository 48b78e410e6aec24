"""Benchmark of a set-up over a long and a lossy path: round trips until the first message.

Usage: `python -m benchmarks.setup_rtt [SET_UPS]`. Exits with 1 where a target is missed.

Both ends and the path between them run in virtual time: a second passes when nobody has anything to
do. So what is counted are round trips and time-outs, whatever the machine is busy with. aiortc is
measured without loss only: its DTLS is sent again by OpenSSL's clock, which is that of the machine.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, replace
from statistics import median, quantiles
from typing import TYPE_CHECKING, Protocol

from aiortc import RTCSessionDescription
from rich.table import Table

from benchmarks.harness import ARTIFACTS, run_rounds
from benchmarks.setup_subjects import Aiortc
from benchmarks.targets import Target, judge
from peer import PeerConfiguration, PeerConnection, SessionDescription
from tests.support.clock.virtual_time import VirtualLoop
from tests.support.links.udp_relay import UdpRelay, udp_relay
from tests.support.media.media_edits import only_ipv4
from tests.support.negotiation.connections import local

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import RTCPeerConnection
    from rich.console import Console

#: Set-ups over the lossy path by default, and most (ours).
SET_UPS, MOST_SET_UPS = 150, 10_000
#: Round trips of both paths in seconds, and the share that the second one loses (ours).
LONG, SHORT, LOSS = 0.1, 0.05, 0.1
#: Seconds without a message after which a set-up counts as broken (ours).
TIMEOUT = 20.0
#: Targets: round trips until the first message at the answerer with what is there for it, and the
#: slowest but a tenth of the set-ups over the lossy path, in seconds.
MOST_ROUND_TRIPS, SLOWEST = 2.7, 0.7


class Stack(Protocol):
    """A stack that sets up a connection over a relay."""

    name: str

    async def first_message(self, relay: UdpRelay) -> None:
        """Set up, and return when the answerer has the first message of the offerer."""


@dataclass
class Handfast:
    """Our connections.

    Args:
        name: The name in the report.
        configuration: Of both ends.
    """

    name: str
    configuration: PeerConfiguration

    async def first_message(self, relay: UdpRelay) -> None:
        """Set up, and return when the answerer has the first message of the offerer."""
        arrived = asyncio.Event()
        async with (
            PeerConnection(self.configuration) as offerer,
            PeerConnection(self.configuration) as answerer,
        ):
            channel = offerer.createDataChannel("chat")
            channel.on("open", lambda: channel.send("first"))
            answerer.on(
                "datachannel", lambda event: event.channel.on("message", lambda _: arrived.set())
            )
            await offerer.setLocalDescription()
            await answerer.setRemoteDescription(_rerouted(relay, offerer))
            await answerer.setLocalDescription()
            await asyncio.sleep(relay.delay)
            await offerer.setRemoteDescription(_rerouted(relay, answerer))
            async with asyncio.timeout(TIMEOUT):
                await arrived.wait()


class AiortcOverRelay:
    """aiortc's connections, the yardstick."""

    name = "aiortc"

    async def first_message(self, relay: UdpRelay) -> None:
        """Set up, and return when the answerer has the first message of the offerer."""
        offerer, answerer = Aiortc.connection(), Aiortc.connection()
        arrived = asyncio.Event()
        channel = offerer.createDataChannel("chat")
        channel.on("open", lambda: channel.send("first"))
        answerer.on("datachannel", lambda it: it.on("message", lambda _: arrived.set()))
        try:
            await offerer.setLocalDescription(await offerer.createOffer())
            await answerer.setRemoteDescription(self._rerouted(relay, offerer))
            await answerer.setLocalDescription(await answerer.createAnswer())
            await asyncio.sleep(relay.delay)
            await offerer.setRemoteDescription(self._rerouted(relay, answerer))
            async with asyncio.timeout(TIMEOUT):
                await arrived.wait()
        finally:
            await asyncio.gather(offerer.close(), answerer.close())

    @staticmethod
    def _rerouted(relay: UdpRelay, end: RTCPeerConnection) -> RTCSessionDescription:
        description = end.localDescription
        text = relay.rerouted(only_ipv4(description.sdp))
        return RTCSessionDescription(text, description.type)


def _rerouted(relay: UdpRelay, end: PeerConnection) -> SessionDescription:
    return replace(local(end), sdp=relay.rerouted(local(end).sdp))


STACKS: tuple[Callable[[], Stack], ...] = (
    lambda: Handfast("handfast, dtls_in_stun", _configured(dtls_in_stun=True)),
    lambda: Handfast("handfast", _configured(dtls_in_stun=False)),
    AiortcOverRelay,
)


def _configured(*, dtls_in_stun: bool) -> PeerConfiguration:
    return PeerConfiguration(interfaces=["127.0.0.1"], dtls_in_stun=dtls_in_stun)


def time_to_message(
    stack: Callable[[], Stack], *, round_trip: float, loss: float, seed: int
) -> float | None:
    """Set up once in virtual time; return the seconds to the first message, None without one."""

    async def run() -> float | None:
        loop = asyncio.get_running_loop()
        with udp_relay(loss, seed) as relay:
            relay.delay = round_trip / 2
            begun = loop.time()
            try:
                # The offer is on its way for half a round trip, as the answer is.
                await asyncio.sleep(relay.delay)
                await stack().first_message(relay)
            except TimeoutError:
                return None
            return loop.time() - begun

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


def measure(set_ups: int, console: Console) -> bool:
    """Measure and report, and return whether the targets are met."""
    table = Table(title=f"to the first message: 100 ms; {set_ups} at 50 ms, 10% loss")
    for heading in ("stack", "round trips", "with loss", "p90", "none"):
        table.add_column(heading)
    figures: dict[str, dict[str, float]] = {}
    for stack in STACKS:
        alone = time_to_message(stack, round_trip=LONG, loss=0.0, seed=1)
        figures[stack().name] = found = {"round trips": (alone or TIMEOUT) / LONG}
        shown = [f"{found['round trips']:.1f}"]
        if stack is not AiortcOverRelay:
            taken = [
                time_to_message(stack, round_trip=SHORT, loss=LOSS, seed=seed)
                for seed in range(1, set_ups + 1)
            ]
            came = [each for each in taken if each is not None]
            found["median"] = median(came)
            found["p90"] = quantiles(came, n=10)[-1] if len(came) > 1 else came[0]
            found["without a message"] = len(taken) - len(came)
            shown += [f"{found['median']:.2f} s", f"{found['p90']:.2f} s"]
            shown += [f"{found['without a message']:.0f}"]
        table.add_row(stack().name, *shown)
    console.print(table)
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "bench-setup-rtt.json").write_text(json.dumps(figures, indent=2))
    ours = figures["handfast, dtls_in_stun"]
    targets = (
        Target("round trips to the first message", [ours["round trips"]], MOST_ROUND_TRIPS),
        Target("p90 of set-ups at 50 ms and 10% loss, in s", [ours["p90"]], SLOWEST),
        Target("set-ups of these without a message", [ours["without a message"]], 0),
    )
    return judge("setup_rtt", targets, console)


async def run(set_ups: int, console: Console) -> bool:
    """Measure in loops of their own, beside the one that this is called in."""
    return await asyncio.to_thread(measure, set_ups, console)


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=SET_UPS, most=MOST_SET_UPS))
