"""Gathers the local candidates of ICE: host addresses at once, then all servers side by side."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, assert_never

from peer.errors import IceError, OnePortError, PortRangeError
from peer.transport.adapters.ice_gathering import (
    ServerRefusalError,
    allocate_relay,
    bind_host,
    local_addresses,
    query_reflexive,
)
from peer.transport.adapters.tcp_gathering import bind_tcp
from peer.transport.ice.servers import (
    ServerFailure,
    StunServer,
    TurnServer,
    TurnTransportProtocol,
    UnusableServer,
)

if TYPE_CHECKING:
    from aioice import Candidate

    from peer.times import Seconds
    from peer.transport.adapters.ice_agent import IceAgent
    from peer.transport.adapters.ice_gathering import Ports
    from peer.transport.adapters.ice_socket import Address, IceSocket
    from peer.transport.ice.servers import ParsedServer

#: Local preference of the first candidate of a type, each further one has one less
#: (RFC 8445 section 5.1.2.1).
_HIGHEST_PREFERENCE = 65535


class Gathering:
    """Gathers the local candidates of one ICE generation.

    Args:
        agent: The ICE agent, which holds the sockets.
        servers: STUN and TURN servers; all that can be used are asked, side by side.
        relay_only: Gather relayed candidates only; no host socket is bound then.
        interfaces: Local addresses to bind, or None for all.
        ports: UDP port to share, or first and last UDP port to bind; None for any.
        tcp: Gather TCP host candidates too, passive and active ones.
        server_timeout: Seconds that one server may take.
        on_candidate: Called with each candidate as soon as it is known.
        on_failure: Called with each server that does not serve: at most once for its candidate,
            and once for the addresses of the peer that it does not relay to.

    Attributes:
        failures: Servers that did not serve.
    """

    def __init__(
        self,
        agent: IceAgent,
        *,
        servers: Sequence[ParsedServer],
        relay_only: bool,
        interfaces: Sequence[str] | None,
        ports: Ports | None,
        tcp: bool,
        server_timeout: Seconds,
        on_candidate: Callable[[Candidate], None],
        on_failure: Callable[[ServerFailure], None],
    ) -> None:
        self._agent = agent
        self._servers = servers
        self._relay_only = relay_only
        self._interfaces = interfaces
        self._ports = ports
        self._tcp = tcp
        self._server_timeout = server_timeout
        self._on_candidate = on_candidate
        self._on_failure = on_failure
        #: Servers that have answered at least one of our sockets.
        self._answered: set[StunServer | TurnServer] = set()
        #: Who gave a candidate of ours, by its type, address and port.
        self._servers_of: dict[tuple[str, str, int], StunServer | TurnServer] = {}
        #: Servers that have answered, failed or timed out.
        self._asked: set[ParsedServer] = set()
        self.failures: list[ServerFailure] = []

    def note_as_asked_by(self, other: Gathering) -> None:
        """Ask no server that another gathering for the same offer has had its answer of."""
        self._asked |= other._asked

    async def bind(self) -> None:
        """Bind a socket to every local address.

        Raises:
            PortRangeError: Every port of the range is in use, on each address that is ours.
            OnePortError: The shared port can be bound on none of them.
            IceError: None could be bound.
        """
        # RFC 9429 section 3.5.3: with the relay policy only relayed candidates are gathered.
        if self._relay_only:
            return
        addresses = local_addresses() if self._interfaces is None else self._interfaces
        bound = False
        error = IceError(f"no socket could be bound to any of {', '.join(addresses) or 'nothing'}")
        for index, address in enumerate(addresses):
            try:
                candidate = await bind_host(
                    self._agent,
                    address,
                    preference=_HIGHEST_PREFERENCE - index,
                    ports=self._ports,
                )
            except (PortRangeError, OnePortError) as used_up:
                error = used_up
                continue
            if candidate is not None:
                bound = True
                self._on_candidate(candidate)
                if self._tcp:
                    await self._bind_tcp(candidate.host, index)
        if not bound and not self._agent.closing:
            raise error

    async def _bind_tcp(self, address: str, index: int) -> None:
        for candidate in await bind_tcp(self._agent, address, interface=index, ports=self._ports):
            self._on_candidate(candidate)

    async def ask_servers(self) -> None:
        """Ask every server for candidates, until each has answered, failed or timed out."""
        hosts = self._udp_sockets
        work: list[Coroutine[Any, Any, None]] = []
        for index, server in enumerate(self._servers):
            if server in self._asked:
                continue
            match server:
                case StunServer():
                    if hosts:
                        work.append(self._within_time(server, self._reflexive(server, hosts)))
                case TurnServer():
                    relay = self._relayed(server, _HIGHEST_PREFERENCE - index)
                    work.append(self._within_time(server, relay))
                case UnusableServer(url=url, reason=reason):
                    self._fail(ServerFailure(url, reason))
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
            if server not in self._answered:
                reason = f"no answer within {self._server_timeout:g} s"
                self._fail(ServerFailure(server.url, reason, local=self._asked_from(server)))
        except ServerRefusalError as error:
            local = self._asked_from(server)
            self._fail(ServerFailure(server.url, error.phrase, code=error.code, local=local))
        except (IceError, OSError) as error:
            self._fail(ServerFailure(server.url, str(error), local=self._asked_from(server)))
        self._asked.add(server)

    def _asked_from(self, server: StunServer | TurnServer) -> Address | None:
        hosts = self._udp_sockets
        if not isinstance(server, StunServer) or len(hosts) != 1:
            return None
        candidate = hosts[0].local_candidate
        return candidate.host, candidate.port

    @property
    def _udp_sockets(self) -> Sequence[IceSocket]:
        return [each for each in self._agent.sockets if each.local_candidate.transport == "udp"]

    def _fail(self, failure: ServerFailure) -> None:
        if failure not in self.failures:
            self.failures.append(failure)
            self._on_failure(failure)

    async def _reflexive(self, server: StunServer, hosts: Sequence[IceSocket]) -> None:
        addresses = await look_up(server)
        results = await asyncio.gather(
            *(
                self._reflexive_of(server, host, address)
                for host in hosts
                if (address := of_family(addresses, host.local_candidate.host)) is not None
            ),
            return_exceptions=True,
        )
        if not results:
            raise IceError("it has no address of an IP version that we have")
        failed = [result for result in results if isinstance(result, BaseException)]
        # W3C webrtc-pc section 4.8.2: an error is told where no host candidate reached the server.
        if len(failed) == len(results):
            raise failed[0]

    async def _reflexive_of(self, server: StunServer, host: IceSocket, address: Address) -> None:
        candidate = await query_reflexive(self._agent, host, address)
        self._answered.add(server)
        if candidate is not None:
            self._servers_of[candidate.type, candidate.host, candidate.port] = server
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
            on_refusal=lambda code, phrase: self._refused_peer(server, code, phrase),
        )
        self._servers_of[candidate.type, candidate.host, candidate.port] = server
        self._on_candidate(candidate)

    def server_of(self, candidate: Candidate) -> StunServer | TurnServer | None:
        """Return the server that gave a candidate; None for a host candidate."""
        return self._servers_of.get((candidate.type, candidate.host, candidate.port))

    def _refused_peer(self, server: TurnServer, code: int, phrase: str) -> None:
        told = any(failure.about_peer and failure.url == server.url for failure in self.failures)
        if not told:
            self._fail(ServerFailure(server.url, phrase, code=code, about_peer=True))


async def look_up(server: StunServer) -> list[Address]:
    """Look up the addresses of a STUN server; an address is its own.

    Raises:
        OSError: Its name leads nowhere.
    """
    try:
        return [(str(ipaddress.ip_address(server.host)), server.port)]
    except ValueError:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)
        return [(str(entry[4][0]), server.port) for entry in found]


def of_family(addresses: Sequence[Address], local: str) -> Address | None:
    """Return the first address of the IP version of a local address; None where there is none."""
    version = ipaddress.ip_address(local).version
    return next((a for a in addresses if ipaddress.ip_address(a[0]).version == version), None)
