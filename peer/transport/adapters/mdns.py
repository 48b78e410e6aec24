"""Resolves the mDNS names of remote candidates (draft-ietf-mmusic-mdns-ice-candidates)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aioice import mdns

#: Names looked up at once by one agent; more candidates are ignored (ours).
MAX_LOOKUPS = 16


def is_mdns_name(name: str) -> bool:
    """Return True for a name that ends in `.local`, which hides an address."""
    return mdns.is_mdns_hostname(name)


class MdnsResolver:
    """Resolves the mDNS names that one ICE agent is given.

    It has a socket of its own, because the one that aioice shares belongs to a thread, and breaks
    when a second event loop runs in that thread.
    """

    def __init__(self) -> None:
        self._lookups: set[asyncio.Task[None]] = set()
        self._endpoint: asyncio.Task[mdns.MDnsProtocol] | None = None

    def __repr__(self) -> str:
        return f"<MdnsResolver {len(self._lookups)} lookups>"

    def resolve(self, name: str, found: Callable[[str], None]) -> bool:
        """Begin to look a name up; return False if `MAX_LOOKUPS` are under way already.

        Args:
            name: A name for which `is_mdns_name` is True.
            found: Called with the address; never called if no answer comes within a second.
        """
        if len(self._lookups) >= MAX_LOOKUPS:
            return False
        task = asyncio.create_task(self._look_up(name, found))
        self._lookups.add(task)
        task.add_done_callback(self._lookups.discard)
        return True

    async def close(self) -> None:
        """Cancel every look-up and close the socket."""
        lookups = set(self._lookups)
        for task in lookups:
            task.cancel()
        if lookups:
            await asyncio.wait(lookups)
        if self._endpoint is None:
            return
        await asyncio.wait([self._endpoint])
        if self._endpoint.exception() is None:
            await self._endpoint.result().close()

    async def _look_up(self, name: str, found: Callable[[str], None]) -> None:
        if self._endpoint is None:
            self._endpoint = asyncio.create_task(mdns.create_mdns_protocol())
        try:
            # Shielded, because other look-ups wait for the same socket.
            protocol = await asyncio.shield(self._endpoint)
            address = await protocol.resolve(name)
        except OSError:
            # No multicast here. The peer's own checks can still find us (RFC 8445 section 7.3.1.3).
            return
        if address is not None:
            found(address)
