"""Owns aiortc's ICE gatherer and transport, put around an agent of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc import RTCIceGatherer, RTCIceParameters, RTCIceTransport

if TYPE_CHECKING:
    from peer.ice_parameters import IceParameters
    from peer.transport.adapters.ice import IceAgent


class AiortcIce:
    """aiortc's gatherer and transport around an agent of ours."""

    def __init__(self, agent: IceAgent) -> None:
        gatherer = RTCIceGatherer(
            iceServers=[],
            local_username=agent.local_username,
            local_password=agent.local_password,
        )
        gatherer._connection = agent
        self.transport = RTCIceTransport(gatherer)

    async def start(self, remote: IceParameters) -> None:
        """Check until a pair is nominated, or the agent gives up."""
        await self.transport.start(
            RTCIceParameters(
                usernameFragment=remote.username_fragment,
                password=remote.password,
                iceLite=remote.lite,
            )
        )

    async def stop(self) -> None:
        """Close the agent."""
        await self.transport.stop()
