from __future__ import annotations

from peer.ice import IceParameters
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
        on_datagram=lambda _: None,
        on_path=lambda: None,
        on_other_path=lambda: None,
        on_check=lambda: None,
        accepts=lambda *_: True,
        tap=tap,
    )


async def test_untraced_agent_makes_plain_ice_socket() -> None:
    assert type(agent(None).make_socket()) is IceSocket


async def test_traced_agent_makes_traced_socket() -> None:
    tap = Tap("0", Tracer("pc-1", lambda _: None))
    assert type(agent(tap).make_socket()) is TracedSocket
