from __future__ import annotations

from peer.ice_parameters import IceParameters
from peer.tracing.tracer import Tracer
from peer.transport.adapters.ice_agent import IceAgent
from peer.transport.adapters.ice_socket import IceSocket
from peer.transport.adapters.traced_socket import TracedSocket
from peer.transport.tap import Tap


def agent(tap: Tap | None) -> IceAgent:
    return IceAgent(
        IceParameters.generate(),
        relay_only=False,
        pacing=0.02,
        release_timeout=0.5,
        on_path=lambda: None,
        tap=tap,
    )


async def test_a_socket_that_is_not_traced_knows_nothing_of_traces() -> None:
    assert type(agent(None).make_socket()) is IceSocket


async def test_a_socket_that_is_traced_tells() -> None:
    tap = Tap("0", Tracer("pc-1", lambda _: None))
    assert type(agent(tap).make_socket()) is TracedSocket
