"""Tells the application of local candidates, and of servers that give none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from peer.events import EventName, IceCandidateErrorEvent, IceCandidateEvent
from peer.ice import IceCandidate
from peer.tracing.events import Direction
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.events import ConnectionEmitter
    from peer.ice import CandidateFields
    from peer.negotiation.session import Session
    from peer.runtime.connection_tap import ConnectionTap
    from peer.runtime.effect_executor import EffectExecutor, PreparedSockets
    from peer.runtime.peer_transport import PeerTransport
    from peer.transport.ice.servers import ServerFailure


class GatheringConnection(Protocol):
    """The connection that gathers candidates, as `CandidateEvents` needs it."""

    events: ConnectionEmitter
    executor: EffectExecutor

    @property
    def session(self) -> Session:
        """The session as it stands."""

    @property
    def closed(self) -> bool:
        """Tell whether `close` was called."""

    @property
    def tap(self) -> ConnectionTap | None:
        """The tap where a sink or a logger takes events now."""

    def update_states(self) -> None:
        """Derive the states of the connection anew, and fire the events of those that changed."""


class CandidateEvents:
    """Fires `icecandidate` and `icecandidateerror`, a turn of the event loop after their cause.

    Args:
        host: The connection.
    """

    def __init__(self, host: GatheringConnection) -> None:
        self._host = host
        #: Sockets of descriptions that were applied just now: nothing was told of them yet.
        self.unpublished: tuple[PreparedSockets, ...] = ()

    def publish_soon(self, prepared: Sequence[PreparedSockets]) -> None:
        """Begin to tell of gathering, a turn after the description of it was applied.

        webrtc-pc section 4.4.1.5: the state is `gathering` once `setLocalDescription` has returned,
        so that a handler which is added then sees all that follows.

        Args:
            prepared: The sockets that gather for the description.
        """
        if prepared:
            self.unpublished += tuple(prepared)
            asyncio.get_running_loop().call_soon(self._publish)

    def _publish(self) -> None:
        host, prepared = self._host, self.unpublished
        self.unpublished = ()
        if host.closed:
            return
        for each in prepared:
            each.publish()
        host.update_states()

    def on_candidate(
        self, transport: PeerTransport, generation: str, candidate: CandidateFields | None
    ) -> None:
        """Fire `icecandidate` for a local candidate; None is the end of a generation's."""
        mid, index = self._host.session.first_section(transport.key)
        text = "" if candidate is None else str(candidate)
        found = IceCandidate(text, mid, index, generation)
        if candidate is not None and candidate.server_url is not None:
            found = replace(found, url=candidate.server_url, relayProtocol=candidate.relay_protocol)
        if (tap := self._host.tap) is not None:
            tap.candidate(Direction.OUT, text, key=transport.key)
        # In a later turn: first the application sends the description that it belongs to.
        asyncio.get_running_loop().call_soon(self._emit_candidate, transport, found)

    def on_server_failure(self, transport: PeerTransport, failure: ServerFailure) -> None:
        """Fire `icecandidateerror` for a STUN or TURN server that does not serve."""
        event = IceCandidateErrorEvent.of(failure)
        asyncio.get_running_loop().call_soon(self._emit_error, transport, event)

    def _emit_candidate(self, transport: PeerTransport, candidate: IceCandidate) -> None:
        # A fork may have taken the transport meanwhile, and another have come in its place.
        host, generation = self._host, candidate.usernameFragment
        present = host.executor.transports.get(transport.key)
        if host.closed or present is None or not present.knows_generation(generation):
            return
        host.events.emit(EventName.ICE_CANDIDATE, IceCandidateEvent(candidate))
        if not candidate.candidate and present.end_gathering(generation):
            host.update_states()

    def _emit_error(self, transport: PeerTransport, event: IceCandidateErrorEvent) -> None:
        if not self._host.closed and transport.key in self._host.executor.transports:
            self._host.events.emit(EventName.ICE_CANDIDATE_ERROR, event)
