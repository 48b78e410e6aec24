"""Binds the sockets that a plan needs before it is committed, all or none."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from peer.ice import IceParameters
    from peer.runtime.peer_transport import PeerTransport


@dataclass(frozen=True, slots=True)
class PreparedSockets:
    """The sockets of one ICE generation, bound for a plan that is not committed yet.

    Args:
        transport: The transport of the sockets.
        local: Our ICE credentials of the generation.
        is_new: Whether the transport was created for this plan, which closes it on `undo`.
    """

    transport: PeerTransport
    local: IceParameters
    is_new: bool

    async def open(self) -> None:
        """Bind the sockets and start to gather candidates.

        Raises:
            IceError: No socket could be bound.
        """
        if self.is_new:
            await self.transport.open()
        else:
            await self.transport.open_generation(self.local)

    async def undo(self) -> None:
        """Close the sockets again, because the plan is not committed."""
        if self.is_new:
            await self.transport.close()
        else:
            self.transport.drop_generation(self.local.username_fragment)

    def publish(self) -> None:
        """Report the candidates of the sockets, because the description has been applied."""
        self.transport.publish(self.local.username_fragment)


async def open_all(prepared: Collection[PreparedSockets]) -> None:
    """Bind all sockets or none.

    Raises:
        IceError: Some could not be bound; all are closed again.
    """
    try:
        results = await asyncio.gather(*(p.open() for p in prepared), return_exceptions=True)
        failure = next((result for result in results if isinstance(result, BaseException)), None)
        if failure is not None:
            raise failure
    except BaseException:
        await undo_all(prepared)
        raise


async def undo_all(prepared: Iterable[PreparedSockets]) -> None:
    """Close all sockets, side by side."""
    await asyncio.gather(*(each.undo() for each in prepared))
