"""Derives the states of a connection from those of its transports (W3C webrtc-pc section 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.events import EventName
from peer.states import (
    ConnectionState,
    DtlsTransportState,
    IceConnectionState,
    IceGatheringState,
    IceTransportState,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from peer.runtime.peer_transport import PeerTransport

_ICE_UP = {IceTransportState.CONNECTED, IceTransportState.COMPLETED}


def ice_connection_state(states: Collection[IceTransportState]) -> IceConnectionState:
    """Derive the ICE connection state: the first row of section 4.3.4 that fits."""
    live = {state for state in states if state is not IceTransportState.CLOSED}
    if IceTransportState.FAILED in live:
        return IceConnectionState.FAILED
    if IceTransportState.DISCONNECTED in live:
        return IceConnectionState.DISCONNECTED
    if live <= {IceTransportState.NEW}:
        return IceConnectionState.NEW
    if live & {IceTransportState.NEW, IceTransportState.CHECKING}:
        return IceConnectionState.CHECKING
    if live <= {IceTransportState.COMPLETED}:
        return IceConnectionState.COMPLETED
    return IceConnectionState.CONNECTED


def connection_state(
    transports: Collection[tuple[IceTransportState, DtlsTransportState]],
) -> ConnectionState:
    """Derive the connection state as section 4.3.3 does, with one row of our own.

    Where the peer has closed its DTLS association (close_notify), the state is `disconnected` at
    once; W3C leaves that to ICE, which needs seconds to notice.
    """
    ice = {state for state, _ in transports if state is not IceTransportState.CLOSED}
    dtls = {state for _, state in transports}
    if IceTransportState.FAILED in ice or DtlsTransportState.FAILED in dtls:
        return ConnectionState.FAILED
    if IceTransportState.DISCONNECTED in ice or DtlsTransportState.CLOSED in dtls:
        return ConnectionState.DISCONNECTED
    if ice <= {IceTransportState.NEW} and dtls <= {DtlsTransportState.NEW}:
        return ConnectionState.NEW
    if ice <= _ICE_UP and dtls <= {DtlsTransportState.CONNECTED}:
        return ConnectionState.CONNECTED
    return ConnectionState.CONNECTING


def gathering_state(states: Collection[IceGatheringState]) -> IceGatheringState:
    """Derive the gathering state as section 4.3.2 does."""
    if IceGatheringState.GATHERING in states:
        return IceGatheringState.GATHERING
    if set(states) == {IceGatheringState.COMPLETE}:
        return IceGatheringState.COMPLETE
    return IceGatheringState.NEW


class ConnectionStates:
    """The states of a connection that follow from its transports: gathering, ICE, connection."""

    def __init__(self) -> None:
        self.gathering = IceGatheringState.NEW
        self.ice = IceConnectionState.NEW
        self.connection = ConnectionState.NEW

    def __repr__(self) -> str:
        return f"<ConnectionStates {self.by_name()}>"

    def update(self, transports: Collection[PeerTransport], *, closed: bool) -> list[EventName]:
        """Derive the states anew, and return the events of those that have changed, in order.

        Args:
            transports: All transports of the connection.
            closed: Whether the connection was closed.
        """
        gathering = gathering_state([transport.gathering_state for transport in transports])
        ice = ice_connection_state([transport.ice.state for transport in transports])
        connection = connection_state([transport.states for transport in transports])
        if closed:
            ice, connection = IceConnectionState.CLOSED, ConnectionState.CLOSED
        changes = (
            (self.gathering, gathering, EventName.ICE_GATHERING_STATE_CHANGE),
            (self.ice, ice, EventName.ICE_CONNECTION_STATE_CHANGE),
            (self.connection, connection, EventName.CONNECTION_STATE_CHANGE),
        )
        self.gathering, self.ice, self.connection = gathering, ice, connection
        return [event for was, now, event in changes if was is not now]

    def by_name(self) -> dict[str, str]:
        """Return the states by the names of their W3C attributes."""
        return {
            "iceGatheringState": self.gathering,
            "iceConnectionState": self.ice,
            "connectionState": self.connection,
        }
