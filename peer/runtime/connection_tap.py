"""Makes the trace events of a connection as a whole: descriptions, decisions, states, failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.negotiation.decisions import decisions, refusal
from peer.states import ConnectionState, IceConnectionState, IceGatheringState, SignalingState
from peer.tracing.events import Failed, StateChanged
from peer.transport.tap import Tap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer.errors import DescriptionError, TransportError
    from peer.negotiation.session import Session
    from peer.tracing.tracer import Tracer

_INITIAL_STATES = {
    "signalingState": SignalingState.STABLE,
    "iceGatheringState": IceGatheringState.NEW,
    "iceConnectionState": IceConnectionState.NEW,
    "connectionState": ConnectionState.NEW,
}


class ConnectionTap:
    """Makes the trace events of one connection that no single transport makes.

    Args:
        tracer: The tracer of the connection.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._states: dict[str, str] = dict(_INITIAL_STATES)
        self._errors: dict[str, TransportError | None] = {}

    def of_transport(self, key: str) -> Tap:
        """Make the tap for the events of one transport."""
        return Tap(key, self._tracer)

    def negotiated(self, before: Session, after: Session) -> None:
        """Trace a description that was applied, and what it decided."""
        self._tracer(*decisions(before, after, self._tracer.now()))

    def refused(self, session: Session, error: DescriptionError) -> None:
        """Trace a description that was refused, where its reason is a decision on DTLS."""
        decision = refusal(session, error, self._tracer.now())
        if decision is not None:
            self._tracer(decision)

    def states(
        self, states: Mapping[str, str], errors: Mapping[str, TransportError | None]
    ) -> None:
        """Trace the states and failures that are new since the last call.

        Args:
            states: The four states of W3C webrtc-pc section 4.3, by the names of their attributes.
            errors: The reasons why transports have failed, by their keys; None without failure.
        """
        for machine, state in states.items():
            if self._states[machine] != state:
                self._tracer(StateChanged(time=self._tracer.now(), machine=machine, state=state))
        for key, error in errors.items():
            if error is not None and self._errors.get(key) is not error:
                self._tracer(Failed(time=self._tracer.now(), transport=key, sentence=str(error)))
        self._states, self._errors = dict(states), dict(errors)
