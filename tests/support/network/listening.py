"""Waits until a server takes connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from tests.support.network.netns import Namespace

_LOOK = 0.05


async def listening(address: tuple[str, int], place: Namespace | None = None) -> None:
    """Wait until a TCP connection to the address is taken.

    Args:
        address: IPv4 address and port.
        place: Network namespace to look from; this one where None.
    """
    loop = asyncio.get_running_loop()
    kind = (socket.AF_INET, socket.SOCK_STREAM)
    async with asyncio.timeout(DEADLINE):
        while True:
            with socket.socket(*kind) if place is None else place.socket(*kind) as inside:
                inside.setblocking(False)
                with contextlib.suppress(OSError):
                    await loop.sock_connect(inside, address)
                    return
            await asyncio.sleep(_LOOK)
