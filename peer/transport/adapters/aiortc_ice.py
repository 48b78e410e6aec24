"""aiortc's RTCIceTransport around an ICE agent of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc import RTCIceGatherer, RTCIceParameters, RTCIceTransport

if TYPE_CHECKING:
    from peer.ice import IceParameters
    from peer.transport.adapters.ice_agent import IceAgent


class AiortcIce:
    """Starts and stops an ICE agent by aiortc's RTCIceTransport.

    Args:
        agent: The agent, which takes the place of the gatherer's own connection.
    """

    def __init__(self, agent: IceAgent) -> None:
        gatherer = RTCIceGatherer(
            iceServers=[],
            local_username=agent.local_username,
            local_password=agent.local_password,
        )
        gatherer._connection = agent
        self._transport = RTCIceTransport(gatherer)

    async def start(self, remote: IceParameters) -> None:
        """Check candidate pairs until one is nominated, or the agent gives up."""
        await self._transport.start(
            RTCIceParameters(
                usernameFragment=remote.username_fragment,
                password=remote.password,
                iceLite=remote.lite,
            )
        )

    async def stop(self) -> None:
        """Close the agent and its sockets."""
        await self._transport.stop()
