"""RFC 5763 section 7.1: the flow with browsers, captured from the kernel's loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from peer.tracing.events import Datagram
from tests.support.browser.browsers import BrowserName
from tests.support.captures.flows import basic_flow, flow_until_media
from tests.support.captures.packets import Capture, capture
from tests.support.captures.wire import Captured, Side
from tests.support.peers.handshakes import Call, Way, shake_hands
from tests.support.peers.third_party import ThirdParty, open_stage
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from peer import PeerConfiguration

# Only root may read the loopback of the machine.
pytestmark = pytest.mark.needs("ip")

Logs = Mapping[Way, list[Captured]]


@dataclass(frozen=True)
class TracedCall(Call):
    """One that tells which sockets are ours."""

    trace: Sink = field(default_factory=Sink)

    @property
    def configuration(self) -> PeerConfiguration:
        return replace(super().configuration, trace=self.trace)


@pytest.fixture(
    scope="module",
    params=[pytest.param(b, marks=pytest.mark.browser(b.value)) for b in BrowserName],
)
def logs(request: pytest.FixtureRequest) -> Logs:
    """What passed between a browser and us, by who did what."""
    return asyncio.run(_make_calls(ThirdParty(request.param)))


@pytest.mark.conformance("7.1-flow")
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
def test_the_messages_come_in_the_order_of_the_flow(logs: Logs, way: Way) -> None:
    us = _our_side(way)
    client = us if way.our_role == "client" else us.other
    assert flow_until_media(logs[way]) == basic_flow(client)


async def _make_calls(name: ThirdParty) -> Logs:
    logs = {}
    async with open_stage(name) as open_peer:
        for way in Way:
            call = TracedCall(way)
            with capture("lo") as taken:
                async with open_peer() as peer:
                    await shake_hands(peer, call)
                taken.read()
            logs[way] = _log(taken, call.trace, _our_side(way))
    return logs


def _log(taken: Capture, trace: Sink, us: Side) -> list[Captured]:
    """What came to our sockets and from them."""
    ours = {_address(each.local) for each in trace.all(Datagram)}
    return [
        Captured(us if packet.source in ours else us.other, 0, packet.data)
        for packet in taken.between(ours)
    ]


def _our_side(way: Way) -> Side:
    return Side.OFFERER if way is Way.OFFER else Side.ANSWERER


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
