"""Owns what a plan needs before it can be committed: sockets, all or none."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from peer.ice_parameters import IceParameters
    from peer.runtime.peer_transport import PeerTransport


@dataclass(frozen=True, slots=True)
class PreparedSockets:
    """The sockets of one ICE generation.

    Args:
        transport: The transport they are for, which is not in the world yet where `is_new`.
        local: The credentials of the generation.
    """

    transport: PeerTransport
    local: IceParameters
    is_new: bool

    async def open(self) -> None:
        """Bind them.

        Raises:
            IceError: No socket could be bound.
        """
        if self.is_new:
            await self.transport.open()
        else:
            await self.transport.open_generation(self.local)

    async def undo(self) -> None:
        """Close them again."""
        if self.is_new:
            await self.transport.close()
        else:
            self.transport.drop_generation(self.local.username_fragment)

    def publish(self) -> None:
        """The description that names them is in force."""
        self.transport.publish(self.local.username_fragment)


async def open_all(prepared: Collection[PreparedSockets]) -> None:
    """Open all or none.

    Raises:
        IceError: One could not be opened; all are closed again.
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
    """Close them side by side."""
    await asyncio.gather(*(each.undo() for each in prepared))
