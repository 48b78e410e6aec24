"""A call of the program: one connection to one member of a room, until either of them ends it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from peer import PeerConnection, TransportError
from signaling import ChannelLost, Negotiator
from signaling.loss import Loss
from signaling.tasks import first_of

if TYPE_CHECKING:
    from peer import PeerConfiguration
    from signaling import PeerChannel, WebSocketChannel


class RoomCall:
    """A connection to one other member of a room, which outlives a path that is found again.

    Args:
        channel: The channel to that member; stays open.
        configuration: That of the connection.
        timeout: Seconds until the connection has to be there; None waits without a bound.

    Attributes:
        connection: The connection, to which tracks are added.
    """

    def __init__(
        self,
        channel: PeerChannel | WebSocketChannel,
        configuration: PeerConfiguration,
        *,
        timeout: float | None = None,
    ) -> None:
        self.connection = PeerConnection(configuration)
        self._timeout = timeout
        self._connected = False
        self._loss = Loss(self.connection)
        self._negotiator = Negotiator(self.connection, channel, polite=channel.polite)

    def __repr__(self) -> str:
        return f"<RoomCall {self.connection!r}>"

    async def run(self) -> None:
        """Run the call until the other member leaves.

        Raises:
            PeerError: The member cannot be reached, or no longer.
            SignalingError: The two peers cannot agree, or the channel broke before they could.
            TimeoutError: There was no connection in time.
        """
        async with self.connection:
            await first_of(self._negotiate(), self._watch())

    async def _negotiate(self) -> None:
        try:
            await self._negotiator.run()
        except ChannelLost:
            if not self._connected:
                raise
            # Media does not go by the room's server, and needs it no more.
            self._loss.leave_alone()
            await self._loss.wait()

    async def _watch(self) -> None:
        async with asyncio.timeout(self._timeout):
            await self.connection.connected()
        self._connected = True
        await self._loss.wait()
        raise TransportError("nothing came for too long")
