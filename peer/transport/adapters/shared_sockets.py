"""Sockets that the ICE agents of several forks share, each for a peer of its own (RFC 5763 6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.errors import IceError

if TYPE_CHECKING:
    from aioice import Candidate

    from peer.transport.adapters.ice_agent import IceAgent
    from peer.transport.adapters.ice_socket import IceSocket


def share_sockets(agent: IceAgent, other: IceAgent) -> list[Candidate]:
    """Give an agent a share of the sockets of another one with the same username fragment.

    Returns:
        The local candidates that it has now: host, server-reflexive and relayed ones of UDP.

    Raises:
        IceError: The event loop cannot watch sockets, so that none can be shared; nothing has
            changed.
    """
    bases = {id(socket.local_candidate) for socket in other.sockets}
    shared = [_share(agent, socket) for socket in other.sockets]
    if shared and not any(shared):
        raise IceError("this event loop cannot watch sockets, which forks have to share")
    for candidate in other.local_candidates:
        if id(candidate) not in bases:
            agent.add_reflexive(candidate)
    return list(agent.local_candidates)


def share_candidate(agent: IceAgent, other: IceAgent, candidate: Candidate) -> bool:
    """Give an agent a candidate that another one has found on a socket of both, or beside them.

    Returns:
        Whether it can be shared: one of TCP cannot.
    """
    socket = next((s for s in other.sockets if s.local_candidate is candidate), None)
    if socket is not None:
        return _share(agent, socket)
    agent.add_reflexive(candidate)
    return True


def serve_peer(agent: IceAgent, fragment: str) -> None:
    """Take the checks of the peer with this username fragment on every shared socket."""
    agent.peer_fragment = fragment
    for socket in agent.sockets:
        if socket.share is not None:
            socket.share.serve_peer(fragment)


def serve_unknown_peers(agent: IceAgent) -> None:
    """Take the checks of peers that no fork serves on every shared socket."""
    for socket in agent.sockets:
        if socket.share is not None:
            socket.share.serve_unknown_peers()


def _share(agent: IceAgent, socket: IceSocket) -> bool:
    mine = agent.make_socket()
    if not socket.branch(mine, fragment=agent.local_username):
        return False
    agent.add_local(mine, socket.local_candidate)
    if agent.peer_fragment is not None and mine.share is not None:
        mine.share.serve_peer(agent.peer_fragment)
    return True
