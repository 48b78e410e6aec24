"""Trace events of a connection as a whole: descriptions, decisions, candidates, states, rekeys."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from peer.errors import DescriptionError, PeerError
from peer.negotiation.decisions import decisions, refusal
from peer.negotiation.session import Side
from peer.states import ConnectionState, IceConnectionState, IceGatheringState, SignalingState
from peer.times import UnixTime
from peer.tracing.events import (
    CandidateKnown,
    DescriptionRefused,
    Direction,
    Failed,
    ForkNoted,
    LeniencyUsed,
    PeerJudged,
    RekeyEnded,
    ServerFailed,
    SignalingMessage,
    StateChanged,
)
from peer.transport.tap import Tap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from peer.descriptions import SessionDescription
    from peer.errors import PeerTrustError, TransportError
    from peer.negotiation.leniency import Lenience
    from peer.negotiation.offer_answer import OfferAnswer
    from peer.negotiation.session import Session
    from peer.rekey.result import RekeyResult
    from peer.times import Seconds
    from peer.tracing.environment import EnvironmentTrace
    from peer.tracing.events import ForkStep
    from peer.tracing.tracer import Tracer
    from peer.transport.ice.servers import ServerFailure
    from peer.trust.level import PeerTrust

#: Failures of servers that are traced for one connection (ours).
_MOST_FAILURES = 256
_INITIAL_STATES = {
    "signalingState": SignalingState.STABLE,
    "iceGatheringState": IceGatheringState.NEW,
    "iceConnectionState": IceConnectionState.NEW,
    "connectionState": ConnectionState.NEW,
}


class ConnectionTap:
    """Makes the trace events of one connection, for callers that ask `Tracer.active` before.

    Args:
        tracer: Takes the events.
        file: The trace file that the environment asks for, to be closed at the end.
    """

    def __init__(self, tracer: Tracer, file: EnvironmentTrace | None = None) -> None:
        self._tracer = tracer
        self._file = file
        self._states: dict[str, str] = dict(_INITIAL_STATES)
        self._errors: dict[str, TransportError | None] = {}
        self._server_failures: set[tuple[str, str]] = set()

    def __repr__(self) -> str:
        return f"<ConnectionTap to {self._tracer!r}>"

    def of_transport(self, key: str) -> Tap:
        """Return the tap of one transport, for the events of its path and its handshakes."""
        return Tap(key, self._tracer)

    def negotiated(self, before: Session, after: Session) -> None:
        """Trace a description that was applied, and what it decided."""
        self._tracer(*decisions(before, after, self._tracer.now()))

    def fork(self, step: ForkStep, *, fork: str, forks: int) -> None:
        """Trace that a fork of our offer was made or closed, or a peer is not served."""
        self._tracer(ForkNoted(time=self._tracer.now(), step=step, fork=fork, open=forks))

    def lenient(self, leniencies: Iterable[Lenience]) -> None:
        """Trace what was taken of a description of the peer beyond the grammar."""
        for each in leniencies:
            self._tracer(
                LeniencyUsed(
                    time=self._tracer.now(),
                    rule=each.rule,
                    reason=each.reason,
                    line=each.line or "",
                )
            )

    def refused(
        self,
        session: Session,
        direction: Direction,
        description_type: str,
        error: PeerError,
    ) -> None:
        """Trace a description that was refused, and why.

        Args:
            session: The session, as before the description.
            direction: `in` for the peer's description.
            description_type: `offer`, `pranswer`, `answer` or `rollback`.
            error: The error that the program gets.
        """
        now = self._tracer.now()
        decision = refusal(session, error, now) if isinstance(error, DescriptionError) else None
        section = "" if decision is None else decision.section
        self._tracer(
            DescriptionRefused(
                time=now,
                direction=direction,
                type=description_type,
                reason=str(error),
                section=section,
            )
        )
        if decision is not None:
            self._tracer(decision)

    def message(
        self,
        direction: Direction,
        *,
        protocol: str,
        summary: str,
        text: str,
        section: str,
        age: Seconds,
    ) -> None:
        """Trace a message of the protocol that carries the descriptions, so many seconds old."""
        self._tracer(
            SignalingMessage(
                time=UnixTime(self._tracer.now() - age),
                direction=direction,
                protocol=protocol,
                summary=summary,
                text=text,
                section=section,
            )
        )

    @contextmanager
    def refusals(
        self, offer_answer: OfferAnswer, side: Side, description: SessionDescription | None
    ) -> Iterator[None]:
        """Trace the error that a description meets in the body, where a sink or a logger takes it.

        Args:
            offer_answer: Has the session.
            side: The end that made the description.
            description: None for the offer or answer that the signalling state asks for.
        """
        try:
            yield
        except PeerError as error:
            if self._tracer.active:
                direction = Direction.OUT if side is Side.LOCAL else Direction.IN
                kind = "description" if description is None else str(description.type)
                self.refused(offer_answer.session, direction, kind, error)
            raise

    def candidate(self, direction: Direction, candidate: str, *, key: str | None) -> None:
        """Trace a candidate that was gathered or received; an empty one is the end of them."""
        self._tracer(
            CandidateKnown(
                time=self._tracer.now(),
                transport=key,
                direction=direction,
                candidate=candidate,
            )
        )

    def server_failed(self, failure: ServerFailure, *, key: str) -> None:
        """Trace a STUN or TURN server that does not serve, once for each URL and reason."""
        found = (failure.url, failure.reason)
        if found not in self._server_failures and len(self._server_failures) < _MOST_FAILURES:
            self._server_failures.add(found)
            self._tracer(
                ServerFailed(
                    time=self._tracer.now(),
                    transport=key,
                    url=failure.url,
                    code=failure.code,
                    reason=failure.reason,
                )
            )

    def rekeyed(self, result: RekeyResult) -> None:
        """Trace the end of a rekey of the connection."""
        self._tracer(
            RekeyEnded(
                time=self._tracer.now(),
                changed=result.changed,
                reason=result.reason,
                started_by=result.started_by,
                duration=result.duration,
                ice_restarted=result.ice_restarted,
            )
        )

    def peer_judged(self, trust: PeerTrust, error: PeerTrustError | None) -> None:
        """Trace who the peer is, or why its certificate was refused."""
        sentence = str(trust) if error is None else str(error)
        self._tracer(
            PeerJudged(time=self._tracer.now(), sentence=sentence, refused=error is not None)
        )

    def close(self) -> None:
        """Close the trace file of the environment, because the connection has ended."""
        if self._file is not None:
            self._file.close()

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
