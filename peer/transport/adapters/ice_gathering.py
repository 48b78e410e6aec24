"""Gathers single local candidates: a bound socket, a STUN response, a TURN allocation."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import secrets
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import ifaddr
from aioice import Candidate, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import get_host_addresses
from aioice.turn import create_turn_endpoint

from peer.errors import IceError, OnePortError, PortRangeError
from peer.transport.adapters.ice_socket import refusal_of
from peer.transport.adapters.tcp_candidates import COMPONENT
from peer.transport.net.one_port import SHARED_PORTS
from peer.transport.net.udp import UdpTransport, enlarge_buffers
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.transport.adapters.ice_agent import IceAgent
    from peer.transport.adapters.ice_socket import Address, IceSocket


#: One port that connections share, or the first and last of a range.
Ports: TypeAlias = "int | tuple[int, int]"
#: Address family, and an address as that family has it.
Place: TypeAlias = "tuple[socket.AddressFamily, tuple[Any, ...]]"

#: Seconds for which a list of this machine's addresses serves (ours): less than it takes to give up
#: a path whose address is gone.
ADDRESSES_SERVE = 1.0
#: Errors of a port that belongs to another: in use, or reserved (Windows has lists of such ports).
TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})


class ServerRefusalError(IceError):
    """STUN or TURN server answered with an error.

    Attributes:
        code: STUN error code.
        phrase: Reason phrase of the server.
    """

    def __init__(self, code: int, phrase: str) -> None:
        self.code = code
        self.phrase = phrase
        super().__init__(f"{code} {phrase}")


@dataclass(frozen=True, slots=True)
class BindingAnswer:
    """Answer of a STUN server about a socket.

    Args:
        mapped: Address and port from which the request reached it (XOR-MAPPED-ADDRESS).
        other: Another address and port of the server that tells of a NAT's behaviour
            (OTHER-ADDRESS, RFC 5780 section 7.4); None where it has none.
    """

    mapped: Address
    other: Address | None = None


@dataclass(frozen=True, slots=True)
class LocalInterface:
    """A network interface of this machine, by the name of its system, and its addresses."""

    name: str
    addresses: tuple[str, ...]


def local_interfaces() -> list[LocalInterface]:
    """List the network interfaces of this machine with all their addresses, loopback included."""
    return [
        LocalInterface(
            adapter.nice_name,
            tuple(ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in adapter.ips),
        )
        for adapter in ifaddr.get_adapters()
    ]


class LocalAddresses:
    """Lists the addresses of this machine: without loopback, unless it has no other.

    A list serves for a second, as to ask the system takes a twentieth of the time of a set-up.

    Args:
        ask: Asks the system.
        clock: Gives the time in seconds.
    """

    def __init__(
        self,
        ask: Callable[[], list[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._listed: list[str] = []
        self._listed_until = -math.inf

    def __call__(self) -> list[str]:
        now = self._clock()
        if now >= self._listed_until:
            self._listed = self._ask() or ["127.0.0.1"]
            self._listed_until = now + ADDRESSES_SERVE
        return list(self._listed)


#: Lists the addresses of this machine, for all connections of the process.
local_addresses = LocalAddresses(partial(get_host_addresses, use_ipv4=True, use_ipv6=True))


async def bind_host(
    agent: IceAgent, address: str, *, preference: int, ports: Ports | None = None
) -> Candidate | None:
    """Bind a socket to a local address; return its host candidate, or None if that fails.

    Args:
        agent: The ICE agent that uses the socket.
        address: Local address.
        preference: Local preference of the candidate (RFC 8445 section 5.1.2.1).
        ports: Ports to choose from; any free one where None.

    Raises:
        PortRangeError: No port of the range is free.
        OnePortError: The shared port cannot be bound.
    """
    protocol = agent.make_socket()
    try:
        place = await resolved(address)
        if isinstance(ports, int):
            _join(place, ports, agent, protocol)
        else:
            await _open(place, ports, protocol)
    except OSError:
        return None
    if agent.closing:
        await protocol.close()
        return None
    host, port = protocol.transport.get_extra_info("sockname")[:2]
    protocol.preference = preference
    candidate = _candidate("host", (host, port), preference, base=host)
    agent.add_local(protocol, candidate)
    return candidate


async def resolved(address: str) -> Place:
    """Look up the address family of a local address, and the address as that family has it.

    Raises:
        OSError: It is no address, and no name of one.
    """
    try:
        found = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(address, 0, type=socket.SOCK_DGRAM)
    family, _, _, _, name = found[0]
    return family, name


def _join(place: Place, port: int, agent: IceAgent, protocol: IceSocket) -> None:
    family, name = place
    address = (name[0], port, *name[2:])
    try:
        shared = SHARED_PORTS.at(address, lambda: _bound((family, address)))
    except NotImplementedError:
        reason = "this event loop cannot watch sockets"
        raise OnePortError(port, address=str(name[0]), reason=reason) from None
    except OSError as error:
        if error.errno not in TAKEN:
            raise
        reason = os.strerror(error.errno or 0)
        raise OnePortError(port, address=str(name[0]), reason=reason) from error
    share = shared.join(agent.local_username, protocol, receiver=agent.on_datagram)
    if share is None:
        raise IceError(f"the username fragment {agent.local_username} is in use on {shared!r}")
    protocol.connection_made(share)


async def _open(place: Place, port_range: tuple[int, int] | None, protocol: IceSocket) -> None:
    sock = _bound(place, port_range)
    try:
        protocol.connection_made(UdpTransport(sock, protocol))
    except NotImplementedError:
        # The loop of Windows.
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: protocol, sock=sock)


def _bound(place: Place, port_range: tuple[int, int] | None = None) -> socket.socket:
    family, name = place
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if port_range is None:
            sock.bind(name)
        else:
            bind_within(sock, name, port_range)
    except (OSError, PortRangeError):
        sock.close()
        raise
    enlarge_buffers(sock)
    return sock


def bind_within(sock: socket.socket, name: tuple[Any, ...], port_range: tuple[int, int]) -> None:
    """Bind a socket to a free port of a range.

    Raises:
        PortRangeError: None is free.
        OSError: The address cannot be bound.
    """
    first, last = port_range
    count = last - first + 1
    # RFC 6056 section 3.3.1: from a random port on, so that strangers do not know the next one.
    start = secrets.randbelow(count)
    refusal: OSError | None = None
    for offset in range(count):
        port = first + (start + offset) % count
        try:
            sock.bind((name[0], port, *name[2:]))
        except OSError as error:
            if error.errno not in TAKEN:
                raise
            refusal = error
        else:
            return
    reason = os.strerror(errno.EADDRINUSE if refusal is None else refusal.errno or 0)
    protocol = "TCP" if sock.type is socket.SOCK_STREAM else "UDP"
    raise PortRangeError(
        port_range, address=str(name[0]), reason=reason, protocol=protocol
    ) from refusal


async def ask_binding(protocol: IceSocket, server: Address) -> BindingAnswer:
    """Ask a STUN server for the mapped address of a socket (RFC 8489 section 3).

    Raises:
        ServerRefusalError: The server answered with an error.
        IceError: The server does not answer, or answers nonsense.
    """
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    try:
        response, source = await protocol.request(request, server)
    except stun.TransactionError as error:
        raise _of_transaction(error) from error
    mapped = response.attributes.get("XOR-MAPPED-ADDRESS")
    if mapped is None or source != server:
        raise IceError("the answer has no XOR-MAPPED-ADDRESS, or is not the server's")
    return BindingAnswer(mapped, response.attributes.get("OTHER-ADDRESS"))


async def query_reflexive(
    agent: IceAgent, protocol: IceSocket, server: Address
) -> Candidate | None:
    """Ask a STUN server for the mapped address of a socket; return a candidate if it is new.

    Raises:
        ServerRefusalError: The server answered with an error.
        IceError: The server does not answer, or answers nonsense.
    """
    mapped = (await ask_binding(protocol, server)).mapped
    base = protocol.local_candidate
    # RFC 8445 section 5.1.3: same address and same base is redundant, whichever server said it.
    if any(
        (c.host, c.port) == mapped
        and (c is base or (c.related_address, c.related_port) == (base.host, base.port))
        for c in agent.local_candidates
    ):
        return None
    candidate = _candidate(
        "srflx", mapped, protocol.preference, base=base.host, related=(base.host, base.port)
    )
    agent.add_reflexive(candidate)
    return candidate


async def allocate_relay(
    agent: IceAgent,
    server: Address,
    *,
    transport: Literal["udp", "tcp"],
    use_tls: bool,
    username: str,
    password: str,
    preference: int,
    on_refusal: Callable[[int, str], None],
) -> Candidate:
    """Make an allocation on a TURN server (RFC 8656); return its relayed candidate.

    Args:
        agent: The ICE agent that uses the allocation.
        server: Host and port of the TURN server.
        transport: Protocol between us and the server; what it relays is always UDP.
        use_tls: Use TLS over TCP.
        username: Long-term credential.
        password: Long-term credential.
        preference: Local preference of the candidate (RFC 8445 section 5.1.2.1).
        on_refusal: Called with the error code and phrase each time that the server refuses to
            relay to an address of the peer.

    Raises:
        ServerRefusalError: The server answered with an error.
        IceError: The server does not answer, or cannot be reached.
    """
    try:
        _, protocol = await create_turn_endpoint(
            agent.make_socket,
            server_addr=server,
            username=username,
            password=password,
            ssl=use_tls,
            transport=transport,
        )
    except stun.TransactionError as error:
        raise _of_transaction(error) from error
    except (OSError, ValueError) as error:
        raise IceError(str(error)) from error
    address = protocol.transport.get_extra_info("sockname")
    related = protocol.transport.get_extra_info("related_address")
    if agent.relay_only:
        # RFC 9429 section 3.5.3: the policy hides our address in `raddr` as well.
        related = ("::" if ":" in address[0] else "0.0.0.0", 9)
    protocol.preference = preference
    protocol.on_relay_refusal = on_refusal
    candidate = _candidate("relay", address, preference, base=address[0], related=related)
    agent.add_local(protocol, candidate)
    return candidate


def _of_transaction(error: stun.TransactionError) -> IceError:
    refusal = refusal_of(error)
    return IceError(str(error)) if refusal is None else ServerRefusalError(*refusal)


def _candidate(
    kind: str, address: Address, preference: int, *, base: str, related: Address | None = None
) -> Candidate:
    return Candidate(
        foundation=candidate_foundation(kind, "udp", base),
        component=COMPONENT,
        transport="udp",
        priority=candidate_priority(COMPONENT, kind, preference),
        host=address[0],
        port=address[1],
        type=kind,
        related_address=None if related is None else related[0],
        related_port=None if related is None else related[1],
    )
