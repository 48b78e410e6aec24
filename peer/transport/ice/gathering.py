"""Gathers the local candidates of ICE: host addresses at once, then all servers side by side."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from peer.errors import IceError
from peer.transport.adapters.ice_gathering import (
    allocate_relay,
    bind_host,
    local_addresses,
    query_reflexive,
)
from peer.transport.ice.servers import StunServer, TurnServer, TurnTransportProtocol

if TYPE_CHECKING:
    from aioice import Candidate

    from peer.times import Seconds
    from peer.transport.adapters.ice_agent import IceAgent
    from peer.transport.adapters.ice_socket import Address, IceSocket

#: Local preference of the first candidate of a type, each further one has one less
#: (RFC 8445 section 5.1.2.1).
_HIGHEST_PREFERENCE = 65535


@dataclass(frozen=True, slots=True)
class ServerFailure:
    """STUN or TURN server that gave no candidate, and the reason."""

    server: StunServer | TurnServer
    reason: str


class Gathering:
    """Gathers the local candidates of one ICE generation.

    Args:
        agent: The ICE agent, which holds the sockets.
        servers: STUN and TURN servers; all are asked, side by side.
        relay_only: Gather relayed candidates only; no host socket is bound then.
        interfaces: Local addresses to bind, or None for all.
        server_timeout: Seconds that one server may take.
        on_candidate: Called with each candidate as soon as it is known.

    Attributes:
        failures: Servers that gave no candidate.
    """

    def __init__(
        self,
        agent: IceAgent,
        *,
        servers: Sequence[StunServer | TurnServer],
        relay_only: bool,
        interfaces: Sequence[str] | None,
        server_timeout: Seconds,
        on_candidate: Callable[[Candidate], None],
    ) -> None:
        self._agent = agent
        self._servers = servers
        self._relay_only = relay_only
        self._interfaces = interfaces
        self._server_timeout = server_timeout
        self._on_candidate = on_candidate
        self.failures: list[ServerFailure] = []

    async def bind(self) -> None:
        """Bind a socket to every local address.

        Raises:
            IceError: None could be bound.
        """
        # RFC 9429 section 3.5.3: with the relay policy only relayed candidates are gathered.
        if self._relay_only:
            return
        addresses = local_addresses() if self._interfaces is None else self._interfaces
        bound = False
        for index, address in enumerate(addresses):
            candidate = await bind_host(self._agent, address, _HIGHEST_PREFERENCE - index)
            if candidate is not None:
                bound = True
                self._on_candidate(candidate)
        if not bound and not self._agent.closing:
            raise IceError(
                f"no socket could be bound to any of {', '.join(addresses) or 'nothing'}"
            )

    async def ask_servers(self) -> None:
        """Ask every server for candidates, until each has answered, failed or timed out."""
        hosts = self._agent.sockets
        work: list[Coroutine[Any, Any, None]] = []
        for index, server in enumerate(self._servers):
            match server:
                case StunServer():
                    if hosts:
                        work.append(self._within_time(server, self._reflexive(server, hosts)))
                case TurnServer():
                    relay = self._relayed(server, _HIGHEST_PREFERENCE - index)
                    work.append(self._within_time(server, relay))
                case _:
                    assert_never(server)
        await asyncio.gather(*work)

    async def _within_time(
        self, server: StunServer | TurnServer, work: Coroutine[Any, Any, None]
    ) -> None:
        try:
            async with asyncio.timeout(self._server_timeout):
                await work
        except TimeoutError:
            self._fail(server, f"no answer within {self._server_timeout:g} s")
        except (IceError, OSError) as error:
            self._fail(server, str(error))

    def _fail(self, server: StunServer | TurnServer, reason: str) -> None:
        self.failures.append(ServerFailure(server, reason))

    async def _reflexive(self, server: StunServer, hosts: Sequence[IceSocket]) -> None:
        addresses = await _look_up(server)
        await asyncio.gather(
            *(
                self._reflexive_of(host, address)
                for host in hosts
                if (address := _of_family(addresses, host.local_candidate.host)) is not None
            )
        )

    async def _reflexive_of(self, host: IceSocket, server: Address) -> None:
        candidate = await query_reflexive(self._agent, host, server)
        if candidate is not None:
            self._on_candidate(candidate)

    async def _relayed(self, server: TurnServer, preference: int) -> None:
        candidate = await allocate_relay(
            self._agent,
            (server.host, server.port),
            transport="udp" if server.transport is TurnTransportProtocol.UDP else "tcp",
            use_tls=server.transport is TurnTransportProtocol.TLS,
            username=server.username,
            password=server.credential,
            preference=preference,
        )
        self._on_candidate(candidate)


async def _look_up(server: StunServer) -> list[Address]:
    try:
        return [(str(ipaddress.ip_address(server.host)), server.port)]
    except ValueError:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)
        return [(str(entry[4][0]), server.port) for entry in found]


def _of_family(addresses: Sequence[Address], local: str) -> Address | None:
    version = ipaddress.ip_address(local).version
    return next((a for a in addresses if ipaddress.ip_address(a[0]).version == version), None)
