"""A room server at one address that a test stops, loses, and starts anew."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Self

from signaling.server import Limits, create_app
from tests.support.links.cable import Cable, cable_to
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class RestartingServer:
    """A room server behind a cable; after a restart it knows nobody.

    Attributes:
        url: The address, always the same.
        cable: The cable, which can be cut and unplugged.
        near_url: The address of the present server, which no cable leads to.
    """

    def __init__(
        self, cable: Cable, far: str, near: str, servers: contextlib.AsyncExitStack
    ) -> None:
        self.url = f"{far}/ws"
        self.near_url = f"{near}/ws"
        self.cable = cable
        self._servers = servers

    def stop(self) -> None:
        """Break every connection, as a server does that is killed, and take no new one."""
        self.cable.unplug()

    async def start(self, **bounds: Any) -> Self:
        """Start another server in the place of the one that was stopped."""
        url = await self._servers.enter_async_context(serve(create_app(limits=Limits(**bounds))))
        self.near_url = f"{url}/ws"
        self.cable.lead_to(url)
        self.cable.plug_in()
        return self


@contextlib.asynccontextmanager
async def restarting_server(**bounds: Any) -> AsyncIterator[RestartingServer]:
    """Run a room server that can be restarted."""
    async with contextlib.AsyncExitStack() as servers:
        url = await servers.enter_async_context(serve(create_app(limits=Limits(**bounds))))
        cable, far = await servers.enter_async_context(cable_to(url))
        yield RestartingServer(cable, far, url, servers)
