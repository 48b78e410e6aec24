"""Gathers the TCP host candidates of ICE: one that listens, and one that connects (RFC 6544)."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from peer.errors import IceError, OnePortError
from peer.transport.adapters.ice_gathering import TAKEN, bind_within, resolved
from peer.transport.adapters.tcp_candidates import DISCARD_PORT, TcpCandidate
from peer.transport.net.tcp_port import (
    SHARED_LISTENERS,
    TcpDialer,
    TcpListener,
    listening,
    own_listener,
)

if TYPE_CHECKING:
    from peer.transport.adapters.ice_agent import IceAgent
    from peer.transport.adapters.ice_gathering import Place, Ports


async def bind_tcp(
    agent: IceAgent, address: str, *, interface: int, ports: Ports | None
) -> list[TcpCandidate]:
    """Listen at a local address, and get ready to connect from it; return both candidates.

    Args:
        agent: The ICE agent that uses them.
        address: Local address.
        interface: Number of the address among ours.
        ports: Ports to choose from; any free one where None.

    Raises:
        PortRangeError: No port of the range is free.
        OnePortError: The shared port cannot be bound.
        IceError: The address cannot be listened at, or this event loop cannot watch sockets.
    """
    place = await resolved(address)
    if agent.closing:
        return []
    try:
        listener = _listener(place, ports)
    except NotImplementedError:
        raise IceError("ice_tcp needs an event loop that watches sockets") from None
    except OSError as error:
        raise IceError(f"no TCP port could be bound on {address}: {error.strerror}") from error
    passive = agent.make_socket()
    share = listener.join(agent.local_username, passive)
    if share is None:
        raise IceError(f"the username fragment {agent.local_username} is in use on {listener!r}")
    passive.connection_made(share)
    host, port = listener.sockname[:2]
    active = agent.make_socket()
    family, name = place
    active.connection_made(TcpDialer(family, name, active))
    made = [
        (passive, TcpCandidate("passive", (host, port), interface=interface)),
        (active, TcpCandidate("active", (host, DISCARD_PORT), interface=interface)),
    ]
    for protocol, candidate in made:
        agent.add_local(protocol, candidate)
    return [candidate for _, candidate in made]


def _listener(place: Place, ports: Ports | None) -> TcpListener:
    family, name = place
    match ports:
        case int():
            address = (name[0], ports, *name[2:])
            try:
                return SHARED_LISTENERS.at(
                    address, lambda: listening(family, lambda sock: sock.bind(address))
                )
            except OSError as error:
                if error.errno not in TAKEN:
                    raise
                reason = os.strerror(error.errno or 0)
                raise OnePortError(
                    ports, address=str(name[0]), reason=reason, protocol="TCP"
                ) from error
        case tuple():
            bind = partial(bind_within, name=name, port_range=ports)
            return own_listener(listening(family, bind))
        case None:
            return own_listener(listening(family, lambda sock: sock.bind(name)))
