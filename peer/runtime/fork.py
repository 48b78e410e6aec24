"""Makes the connection of one more answer to an offer (RFC 5763 section 6.3).

The offer's session is a value: a fork begins with that value and plans the answer by itself, and an
answer that is refused leaves nothing in either. Its transports share the sockets of the offer.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.errors import InvalidStateError
from peer.negotiation.effects import CloseTransport
from peer.negotiation.session import Side
from peer.runtime.core import ConnectionCore
from peer.runtime.origin import ConnectionOrigin
from peer.values import replace

if TYPE_CHECKING:
    from peer.configuration import PeerConfiguration
    from peer.descriptions import SessionDescription
    from peer.negotiation.session import Session
    from peer.tracing.events import TraceSink


async def fork(
    parent: ConnectionCore,
    configuration: PeerConfiguration,
    answer: SessionDescription,
    trace: TraceSink | None,
) -> tuple[ConnectionCore, PeerConfiguration]:
    """Make a connection that has taken an answer to the offer of another one, which stands.

    Args:
        parent: The connection that has made the offer.
        configuration: Its configuration.
        answer: An answer, or a provisional one.
        trace: Takes the events of the fork.

    Returns:
        The fork, and its configuration.

    Raises:
        InvalidStateError: No first offer waits for an answer, the peer has a fork, or there are too
            many.
        DescriptionError: The answer cannot be accepted.
        IceError: The event loop cannot watch sockets. In each case nothing has changed.
    """
    parent.loop = asyncio.get_running_loop()
    async with parent.chain.operation():
        forks = parent.forks
        forks.check_state()
        if any(transport.sdes is not None for transport in parent.session.transports):
            # Two streams of one SSRC under one key would show both (RFC 3711 section 9.1).
            raise InvalidStateError("an offer with keys of SDES has one answer")
        if answer.type not in (SdpType.ANSWER, SdpType.PRANSWER):
            raise InvalidStateError(f"an answer makes a fork, and this is a remote {answer.type}")
        chosen = replace(configuration, trace=trace)
        name = forks.next_name()
        origin = ConnectionOrigin(
            name,
            parent.executor.certificates.copy(),
            parent.offer_answer.fork(),
            partial(forks.release, name),
        )
        made = ConnectionCore(chosen, origin=origin)
        made.identity.name_ends_as(parent.identity)
        try:
            plan = made.plan(Side.REMOTE, answer)
            peers = peers_of(plan.next)
            forks.check_peers(peers)
            identity = await made.check_signature(Side.REMOTE, plan, answer)
            parent.chain.check_open()
            forks.give(made.executor, peers)
        except BaseException:
            made.abandon()
            raise
        # What the application asks for meanwhile is for later offers.
        before = plan.base
        forks.add(made.id, peers)
        _copy_media(parent, made, before)
        effects = [
            effect
            for effect in made.offer_answer.commit(plan)
            if not isinstance(effect, CloseTransport)
        ]
        made.loop = parent.loop
        made.identity.on_description(Side.REMOTE, made.session, identity)
        made.carry_out(Side.REMOTE, plan, before, effects, ())
        return made, chosen


def peers_of(session: Session) -> dict[str, str]:
    """Return the username fragments of the peer that a session names, by the key of the transport.

    Raises:
        InvalidStateError: The peer has no ICE, so that nothing tells it from other peers.
    """
    # What a provisional answer bundles keeps its transport until the final one, and has no peer.
    peers = {
        transport.key: transport.remote_ice.username_fragment
        for transport in session.transports
        if transport.remote_ice is not None
    }
    if not peers:
        raise InvalidStateError("an answer without ICE makes no fork: nothing tells its peer")
    return peers


def _copy_media(parent: ConnectionCore, made: ConnectionCore, session: Session) -> None:
    """Give a fork transceivers and channels of its own, as the offer has them."""
    for transceiver in session.transceivers:
        control = parent.executor.transceivers.get(transceiver.key)
        if control is not None:
            track = control.transceiver.sender.track
            made.add_transceiver(transceiver.key, track)
            made.executor.transceivers[transceiver.key].copy_settings(control)
    if parent.executor.data is not None:
        data = made.executor.data_transport()
        made.inherited_channels = data.copy_channels(parent.executor.data)
