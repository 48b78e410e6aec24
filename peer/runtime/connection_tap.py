"""Owns what the trace is told of a connection as a whole: descriptions, decisions, states."""

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

_FIRST = {
    "signalingState": SignalingState.STABLE,
    "iceGatheringState": IceGatheringState.NEW,
    "iceConnectionState": IceConnectionState.NEW,
    "connectionState": ConnectionState.NEW,
}


class ConnectionTap:
    """Makes the events of one connection.

    Args:
        tracer: Where they go.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._states: dict[str, str] = dict(_FIRST)
        self._errors: dict[str, TransportError | None] = {}

    def of_transport(self, key: str) -> Tap:
        """For what happens on one transport."""
        return Tap(key, self._tracer)

    def negotiated(self, before: Session, after: Session) -> None:
        """A description is in force."""
        self._tracer(*decisions(before, after, self._tracer.now()))

    def refused(self, session: Session, error: DescriptionError) -> None:
        """A description was refused."""
        decision = refusal(session, error, self._tracer.now())
        if decision is not None:
            self._tracer(decision)

    def states(
        self, states: Mapping[str, str], errors: Mapping[str, TransportError | None]
    ) -> None:
        """How things stand; what is new of it is told.

        Args:
            states: Of the four machines of W3C webrtc-pc section 4.3, by name.
            errors: Why transports have failed, by their keys; None where they have not.
        """
        for machine, state in states.items():
            if self._states[machine] != state:
                self._tracer(StateChanged(time=self._tracer.now(), machine=machine, state=state))
        for key, error in errors.items():
            if error is not None and self._errors.get(key) is not error:
                self._tracer(Failed(time=self._tracer.now(), transport=key, sentence=str(error)))
        self._states, self._errors = dict(states), dict(errors)
