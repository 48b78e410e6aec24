"""Asks STUN and TURN servers once, without a connection, to tell how they and a NAT behave."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ipaddress
from collections.abc import AsyncIterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Final

from peer.errors import IceError
from peer.ice import IceParameters
from peer.transport.adapters.ice_agent import IceAgent
from peer.transport.adapters.ice_gathering import ServerRefusalError, ask_binding
from peer.transport.ice.gathering import Gathering, look_up, of_family
from peer.transport.ice.nat_mapping import Sight
from peer.transport.ice.servers import ServerFailure, StunServer
from peer.transport.ice.timing import IceTiming
from peer.values import dataclass

if TYPE_CHECKING:
    from aioice import Candidate

    from peer.times import Seconds
    from peer.transport.adapters.ice_socket import IceSocket
    from peer.transport.ice.nat_mapping import Address
    from peer.transport.ice.servers import ParsedServer, TurnServer

_TIMING: Final = IceTiming()


@dataclasses.dataclass(slots=True)
class SocketSights:
    """One UDP socket of ours as STUN servers see it.

    Args:
        local: Address and port of the socket.
        sights: Its mapped address by each address of a server that has answered.
    """

    local: Address
    sights: list[Sight] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StunProbe:
    """The answers of all STUN servers.

    Args:
        sockets: One for each local address that could be bound.
        failures: Servers that answered none of them.
    """

    sockets: tuple[SocketSights, ...]
    failures: tuple[ServerFailure, ...]


async def probe_stun(
    servers: Sequence[StunServer], *, timeout: Seconds, interfaces: Sequence[str] | None = None
) -> StunProbe:
    """Ask STUN servers for the mapped address of a socket on each local address.

    All servers are asked from the same sockets. A server that has a second address for the
    behaviour of NATs (RFC 5780) is asked there too, unless that is an address of another kind: it
    leads no request from the public network into a private one.

    Args:
        servers: The servers; none of them sends nothing.
        timeout: Seconds that each server may take.
        interfaces: Local addresses to bind, or None for all.

    Raises:
        IceError: No local address can be bound.
    """
    async with _gathering(interfaces=interfaces) as (agent, gathering):
        await gathering.bind()
        seen = [
            (each, SocketSights((each.local_candidate.host, each.local_candidate.port)))
            for each in agent.sockets
        ]
        failures = await asyncio.gather(*(_ask(server, seen, timeout) for server in servers))
    return StunProbe(
        tuple(sights for _, sights in seen), tuple(each for each in failures if each is not None)
    )


async def probe_turn(server: TurnServer, *, timeout: Seconds) -> Address | ServerFailure:
    """Make an allocation on a TURN server and delete it again; return its relayed address.

    Args:
        server: The server, with our credentials there.
        timeout: Seconds that it may take.
    """
    relayed: list[Address] = []
    async with _gathering(servers=(server,), relay_only=True, timeout=timeout, relayed=relayed) as (
        _,
        gathering,
    ):
        await gathering.ask_servers()
    return relayed[0] if relayed else gathering.failures[0]


@contextlib.asynccontextmanager
async def _gathering(
    *,
    servers: Sequence[ParsedServer] = (),
    relay_only: bool = False,
    interfaces: Sequence[str] | None = None,
    timeout: Seconds = _TIMING.server_timeout,
    relayed: list[Address] | None = None,
) -> AsyncIterator[tuple[IceAgent, Gathering]]:
    def note(candidate: Candidate) -> None:
        if relayed is not None:
            relayed.append((candidate.host, candidate.port))

    agent = IceAgent(
        IceParameters.generate(),
        relay_only=relay_only,
        pacing=_TIMING.pacing,
        release_timeout=_TIMING.release,
        on_datagram=lambda _: None,
        on_path=lambda: None,
        on_other_path=lambda: None,
        on_check=lambda: None,
        accepts=lambda *_: False,
    )
    try:
        yield (
            agent,
            Gathering(
                agent,
                servers=servers,
                relay_only=relay_only,
                interfaces=interfaces,
                ports=None,
                tcp=False,
                server_timeout=timeout,
                on_candidate=note,
                on_failure=lambda _: None,
            ),
        )
    finally:
        await agent.close()


async def _ask(
    server: StunServer, sockets: Sequence[tuple[IceSocket, SocketSights]], timeout: Seconds
) -> ServerFailure | None:
    answered = False

    async def ask(socket: IceSocket, seen: SocketSights, address: Address) -> None:
        nonlocal answered
        answer = await ask_binding(socket, address)
        answered = True
        seen.sights.append(Sight(address, answer.mapped))
        if answer.other is not None:
            others = _other_addresses(address, answer.other)
            await asyncio.gather(*(_ask_other(socket, seen, each) for each in others))

    reason = "it has no address of an IP version that we have"
    try:
        async with asyncio.timeout(timeout):
            addresses = await look_up(server)
            results = await asyncio.gather(
                *(
                    ask(socket, seen, address)
                    for socket, seen in sockets
                    if (address := of_family(addresses, seen.local[0])) is not None
                ),
                return_exceptions=True,
            )
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed and not answered:
            raise failed[0]
    except TimeoutError:
        reason = f"no answer within {timeout:g} s"
    except ServerRefusalError as error:
        return ServerFailure(server.url, error.phrase, code=error.code)
    except (IceError, OSError) as error:
        reason = str(error)
    return None if answered else ServerFailure(server.url, reason)


async def _ask_other(socket: IceSocket, seen: SocketSights, address: Address) -> None:
    with contextlib.suppress(IceError):
        answer = await ask_binding(socket, address)
        seen.sights.append(Sight(address, answer.mapped))


def _other_addresses(server: Address, other: Address) -> list[Address]:
    """The alternate address with the primary port, and with its own (RFC 5780 section 4.3)."""
    first, second = ipaddress.ip_address(server[0]), ipaddress.ip_address(other[0])
    alike = (
        first.version == second.version
        and first.is_global == second.is_global
        and first.is_loopback == second.is_loopback
        and not (second.is_multicast or second.is_unspecified or second.is_reserved)
    )
    if not alike or first == second or other[1] == 0:
        return []
    return [(other[0], server[1]), other]
