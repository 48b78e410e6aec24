"""Makes the transports of a connection for applications, and lets them fire their events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from peer.ice import IceCandidate
from peer.states import (
    DtlsTransportState,
    IceRole,
    IceTransportState,
    SctpTransportState,
    SignalingState,
)
from peer.transport.adapters.data_channel import BUFFER_LIMIT
from peer.transports import DtlsTransport, IceCandidatePair, SctpTransport

if TYPE_CHECKING:
    from peer.errors import DtlsError
    from peer.ice import CandidateFields, IceParameters
    from peer.negotiation.session import Session, TransportState
    from peer.runtime.effect_executor import EffectExecutor
    from peer.runtime.peer_transport import PeerTransport
    from peer.states import IceGatheringState

#: Bytes of a message that every peer takes (RFC 8841 section 6.1), before its description.
_DEFAULT_MESSAGE_SIZE = 65_536


class TransportsHost(Protocol):
    """The connection that has the transports."""

    executor: EffectExecutor

    @property
    def session(self) -> Session:
        """The session as it stands."""

    @property
    def closed(self) -> bool:
        """Tell whether `close` was called."""


def ice_role(transport: PeerTransport, session: Session) -> IceRole | None:
    """Return our ICE role: as agreed or, while our offer is pending, that of who offers.

    RFC 8445 section 6.1.1 makes who starts the session controlling.
    """
    offering = session.state is SignalingState.HAVE_LOCAL_OFFER
    return transport.ice.role or (IceRole.CONTROLLING if offering else None)


class ConnectionTransports:
    """The transports of one connection as applications see them, each made when it is asked for.

    Args:
        host: The connection.
    """

    def __init__(self, host: TransportsHost) -> None:
        self._host = host
        self._sctp: SctpTransport | None = None

    def __repr__(self) -> str:
        return f"<ConnectionTransports {self._sctp!r}>"

    @property
    def sctp(self) -> SctpTransport | None:
        """The transport of data channels; None until a description has an m-section for it."""
        data = self._host.session.data
        if self._sctp is None and data is not None and data.mid is not None:
            self._sctp = SctpTransport(_SctpOfConnection(self._host, self))
        return None if data is None or data.mid is None else self._sctp

    def of_transceiver(self, key: int) -> DtlsTransport | None:
        """Return the transport of a transceiver; None before a description has its m-section."""
        state = self._host.session.transceiver(key)
        return None if state is None else self.of_mid(state.mid)

    def of_mid(self, mid: str | None) -> DtlsTransport | None:
        """Return the transport of an m-section; None where there is none yet."""
        key = None if mid is None else self._host.session.route(mid)
        transport = None if key is None else self._host.executor.transports.get(key)
        if transport is None:
            return None
        if transport.seen_as is None:
            transport.seen_as = DtlsTransport(_SourceOfTransport(self._host, transport))
        return transport.seen_as

    def on_change(self) -> None:
        """Fire the events of all states that have changed, once all objects have them."""
        shown = [each.seen_as for each in self._host.executor.transports.values()]
        events = [event for each in shown if each is not None for event in each.take_changes()]
        if self._sctp is not None:
            events += self._sctp.take_changes()
        for event in events:
            event()


class _SourceOfTransport:
    """Shows one transport of a connection to its objects, as a `TransportSource`."""

    def __init__(self, host: TransportsHost, transport: PeerTransport) -> None:
        self._host = host
        self._transport = transport

    @property
    def states(self) -> tuple[IceTransportState, DtlsTransportState]:
        # webrtc-pc section 4.4.1.3: all transports of a closed connection are closed at once.
        if self._host.closed:
            return IceTransportState.CLOSED, DtlsTransportState.CLOSED
        return self._transport.states

    @property
    def gathering_state(self) -> IceGatheringState:
        return self._transport.gathering_state

    @property
    def error(self) -> DtlsError | None:
        return self._transport.secure.error

    @property
    def ice_role(self) -> IceRole | None:
        return ice_role(self._transport, self._host.session)

    def certificates(self) -> list[bytes]:
        current = self._transport.secure.current
        shown = None if current is None else current.peer_certificate_der
        return [] if shown is None else [shown]

    def local_candidates(self) -> list[IceCandidate]:
        generation = self._transport.published_generation
        gathered, _ = self._transport.ice.gathered(generation or "")
        return [self._candidate(each, generation) for each in gathered]

    def remote_candidates(self) -> list[IceCandidate]:
        # webrtc-pc section 5.6: those that the peer has signalled.
        found = self._transport.ice.remote_candidates
        return [self._remote(each) for each in found if each.type != "prflx"]

    def selected_pair(self) -> IceCandidatePair | None:
        pair = self._transport.ice.selected_pair
        if pair is None:
            return None
        local, remote = pair
        fragment = self._transport.ice.local.username_fragment
        gathered, _ = self._transport.ice.gathered(fragment)
        # As it was signalled: the agent's own knows of no translation of addresses.
        same = (each for each in gathered if _is_same(each, local))
        return IceCandidatePair(self._candidate(next(same, local), fragment), self._remote(remote))

    def local_parameters(self) -> IceParameters | None:
        state = self._state
        return None if state is None else state.local

    def remote_parameters(self) -> IceParameters | None:
        state = self._state
        return None if state is None else state.remote_ice

    @property
    def _state(self) -> TransportState | None:
        """The transport in the session; None once it has left that."""
        key = self._transport.key
        if self._host.executor.transports.get(key) is not self._transport:
            return None
        return next((each for each in self._host.session.transports if each.key == key), None)

    def _remote(self, candidate: CandidateFields) -> IceCandidate:
        remote = self.remote_parameters()
        return self._candidate(candidate, None if remote is None else remote.username_fragment)

    def _candidate(self, candidate: CandidateFields, generation: str | None) -> IceCandidate:
        mid, index = self._host.session.first_section(self._transport.key)
        return IceCandidate(str(candidate), mid, index, generation)


class _SctpOfConnection:
    """Shows the SCTP transport of a connection to its object, as an `SctpSource`."""

    def __init__(self, host: TransportsHost, transports: ConnectionTransports) -> None:
        self._host = host
        self._transports = transports

    @property
    def state(self) -> SctpTransportState:
        if self._host.closed:
            return SctpTransportState.CLOSED
        data = self._host.executor.data
        return SctpTransportState.NEW if data is None else data.state

    @property
    def max_message_size(self) -> int:
        data = self._host.session.data
        if data is None or data.remote_port is None:
            return _DEFAULT_MESSAGE_SIZE
        return min(data.remote_max_message_size or BUFFER_LIMIT, BUFFER_LIMIT)

    @property
    def max_channels(self) -> int | None:
        data = self._host.executor.data
        return None if data is None else data.max_channels

    @property
    def transport(self) -> DtlsTransport | None:
        data = self._host.session.data
        return None if data is None else self._transports.of_mid(data.mid)


def _is_same(one: CandidateFields, other: CandidateFields) -> bool:
    return (one.foundation, one.port, one.transport) == (
        other.foundation,
        other.port,
        other.transport,
    )
