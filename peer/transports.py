"""Gives applications the transports of a connection: SCTP, DTLS and ICE (webrtc-pc 5.5, 5.6, 6.1).

Each object is there for as long as its transport lives, through ICE restarts and new keys; it is
made when it is first asked for. A state is that of the last event, as in a browser.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, overload

from peer.emitter import EventEmitter
from peer.states import DtlsTransportState, IceGatheringState, IceTransportState, SctpTransportState
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.emitter import Decorator, Handler, PlainDecorator, Takes
    from peer.errors import DtlsError
    from peer.ice import IceCandidate, IceParameters
    from peer.states import IceRole

IceEventName: TypeAlias = Literal[
    "statechange", "gatheringstatechange", "selectedcandidatepairchange"
]


@dataclass(frozen=True, slots=True)
class IceCandidatePair:
    """A pair of candidates of one ICE transport (webrtc-pc section 5.6.1).

    Args:
        local: Ours.
        remote: The peer's.
    """

    local: IceCandidate
    remote: IceCandidate


class TransportSource(Protocol):
    """One transport of a connection as it is now, for its `DtlsTransport` and `IceTransport`."""

    @property
    def states(self) -> tuple[IceTransportState, DtlsTransportState]:
        """The states of ICE and of DTLS."""

    @property
    def gathering_state(self) -> IceGatheringState:
        """The state of candidate gathering, as far as the application was told."""

    @property
    def error(self) -> DtlsError | None:
        """The reason why DTLS failed, or None."""

    @property
    def ice_role(self) -> IceRole | None:
        """The role of our ICE agent; None before it is known."""

    def certificates(self) -> list[bytes]:
        """Return the certificates that the peer has shown, in DER."""

    def local_candidates(self) -> list[IceCandidate]:
        """Return our candidates in the newest generation that was described."""

    def remote_candidates(self) -> list[IceCandidate]:
        """Return the candidates of the peer that were signalled or found."""

    def selected_pair(self) -> IceCandidatePair | None:
        """Return the pair that carries data, or None."""

    def local_parameters(self) -> IceParameters | None:
        """Return our ICE credentials of the newest description."""

    def remote_parameters(self) -> IceParameters | None:
        """Return the peer's ICE credentials, or None before there are some."""


class SctpSource(Protocol):
    """The SCTP transport of a connection as it is now, for its `SctpTransport`."""

    @property
    def state(self) -> SctpTransportState:
        """The state of the association; `new` before the first."""

    @property
    def max_message_size(self) -> int:
        """Bytes of the largest message that can be sent."""

    @property
    def max_channels(self) -> int | None:
        """Channels that the streams of both ends allow; None before they are known."""

    @property
    def transport(self) -> DtlsTransport | None:
        """The DTLS transport that carries the association; None where it has gone."""


class IceTransport:
    """The path of one transport to the peer (RTCIceTransport, webrtc-pc section 5.6).

    Events are subscribed to with `on`: `statechange`, `gatheringstatechange`,
    `selectedcandidatepairchange`.

    Args:
        source: The transport.
    """

    component = "rtp"

    def __init__(self, source: TransportSource) -> None:
        self._source = source
        self._state = source.states[0]
        self._gathering = source.gathering_state
        self._seen_pair = source.selected_pair()
        self._events = EventEmitter(
            "IceTransport", ("statechange", "gatheringstatechange", "selectedcandidatepairchange")
        )

    def __repr__(self) -> str:
        return f"<IceTransport {self.state} gathering={self.gatheringState}>"

    @property
    def state(self) -> IceTransportState:
        """The state of the connectivity checks."""
        return self._state

    @property
    def gatheringState(self) -> IceGatheringState:
        """The state of candidate gathering."""
        return self._gathering

    @property
    def role(self) -> str:
        """The role of our agent: `controlling`, `controlled`, or `unknown` before it is known."""
        role = self._source.ice_role
        return "unknown" if role is None else role.value

    def getLocalCandidates(self) -> list[IceCandidate]:
        """Return our candidates, those of the `icecandidate` events."""
        return self._source.local_candidates()

    def getRemoteCandidates(self) -> list[IceCandidate]:
        """Return the candidates of the peer."""
        return self._source.remote_candidates()

    def getSelectedCandidatePair(self) -> IceCandidatePair | None:
        """Return the pair that carries data; None before there is one."""
        return self._source.selected_pair()

    def getLocalParameters(self) -> IceParameters | None:
        """Return our ICE credentials."""
        return self._source.local_parameters()

    def getRemoteParameters(self) -> IceParameters | None:
        """Return the peer's ICE credentials; None before its description."""
        return self._source.remote_parameters()

    @overload
    def on(self, event: IceEventName) -> PlainDecorator: ...
    @overload
    def on(self, event: IceEventName, handler: Callable[[], object]) -> Callable[[], object]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler, a function or a coroutine function.

        Raises:
            ValueError: An IceTransport has no event of that name; the error lists those it has.
        """
        return self._events.subscribe(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._events.remove_listener(event, handler)

    def take_changes(self) -> list[Callable[[], object]]:
        """Take over what has changed, and return what fires its events; for the connection."""
        events: list[Callable[[], object]] = []
        pair = self._source.selected_pair()
        if pair != self._seen_pair:
            self._seen_pair = pair
            events.append(partial(self._events.emit, "selectedcandidatepairchange"))
        gathering = self._source.gathering_state
        if gathering is not self._gathering:
            self._gathering = gathering
            events.append(partial(self._events.emit, "gatheringstatechange"))
        state = self._source.states[0]
        if state is not self._state:
            self._state = state
            events.append(partial(self._events.emit, "statechange"))
        return events


class DtlsTransport:
    """The security of one transport (RTCDtlsTransport, webrtc-pc section 5.5).

    Events are subscribed to with `on`: `statechange`, and `error` (DtlsError) before it where the
    handshake failed.

    Args:
        source: The transport.

    Attributes:
        iceTransport: The path below.
    """

    def __init__(self, source: TransportSource) -> None:
        self._source = source
        self._state = source.states[1]
        self._events = EventEmitter("DtlsTransport", ("statechange", "error"))
        self.iceTransport = IceTransport(source)

    def __repr__(self) -> str:
        return f"<DtlsTransport {self.state} {self.iceTransport!r}>"

    @property
    def state(self) -> DtlsTransportState:
        """The state of the DTLS associations; `connected` means that the peer is verified."""
        return self._state

    def getRemoteCertificates(self) -> list[bytes]:
        """Return the certificates that the peer has shown, in DER; empty before the handshake."""
        return self._source.certificates()

    @overload
    def on(self, event: Literal["statechange"]) -> PlainDecorator: ...
    @overload
    def on(
        self, event: Literal["statechange"], handler: Callable[[], object]
    ) -> Callable[[], object]: ...
    @overload
    def on(self, event: Literal["error"]) -> Decorator[DtlsError]: ...
    @overload
    def on(self, event: Literal["error"], handler: Takes[DtlsError]) -> Takes[DtlsError]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler, a function or a coroutine function.

        Raises:
            ValueError: A DtlsTransport has no event of that name; the error lists those it has.
        """
        return self._events.subscribe(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._events.remove_listener(event, handler)

    def on_change(self) -> None:
        """Fire the events of all that has changed; for the transport."""
        for event in self.take_changes():
            event()

    def take_changes(self) -> list[Callable[[], object]]:
        """Take over what has changed, and return what fires its events; for the connection."""
        events = self.iceTransport.take_changes()
        state, error = self._source.states[1], self._source.error
        if state is not self._state:
            self._state = state
            if state is DtlsTransportState.FAILED and error is not None:
                events.append(partial(self._events.emit, "error", error))
            events.append(partial(self._events.emit, "statechange"))
        return events


class SctpTransport:
    """The transport of all data channels (RTCSctpTransport, webrtc-pc section 6.1).

    The event `statechange` is subscribed to with `on`. A connection has one for its whole life: it
    begins again where another peer takes the place of the first, or SCTP ended.

    Args:
        source: The SCTP transport.
    """

    def __init__(self, source: SctpSource) -> None:
        self._source = source
        self._state = _sctp_state(source)
        self._events = EventEmitter("SctpTransport", ("statechange",))

    def __repr__(self) -> str:
        return f"<SctpTransport {self.state}>"

    @property
    def state(self) -> SctpTransportState:
        """The state of the association: `connecting`, `connected` or `closed`."""
        return self._state

    @property
    def maxMessageSize(self) -> int:
        """Bytes of the largest message that can be sent: what both ends can handle."""
        return self._source.max_message_size

    @property
    def maxChannels(self) -> int | None:
        """Number of channels that the streams of both ends allow; None before `connected`."""
        return self._source.max_channels

    @property
    def transport(self) -> DtlsTransport | None:
        """The DTLS transport that carries the channels, after BUNDLE that of its group."""
        return self._source.transport

    @overload
    def on(self, event: Literal["statechange"]) -> PlainDecorator: ...
    @overload
    def on(
        self, event: Literal["statechange"], handler: Callable[[], object]
    ) -> Callable[[], object]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler, a function or a coroutine function.

        Raises:
            ValueError: An SctpTransport has no event of that name; the error lists those it has.
        """
        return self._events.subscribe(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._events.remove_listener(event, handler)

    def take_changes(self) -> list[Callable[[], object]]:
        """Take over a state that has changed, and return what fires its event."""
        state = _sctp_state(self._source)
        if state is self._state:
            return []
        self._state = state
        return [partial(self._events.emit, "statechange")]


def _sctp_state(source: SctpSource) -> SctpTransportState:
    # webrtc-pc section 6.1.2 has no state before this.
    state = source.state
    return SctpTransportState.CONNECTING if state is SctpTransportState.NEW else state
