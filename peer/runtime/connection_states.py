"""Owns the states of a connection that follow from its transports, and which events are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.events import EventName
from peer.runtime.aggregate import connection_state, gathering_state, ice_connection_state
from peer.states import ConnectionState, IceConnectionState, IceGatheringState

if TYPE_CHECKING:
    from collections.abc import Collection

    from peer.runtime.peer_transport import PeerTransport


class ConnectionStates:
    """The three of webrtc-pc section 4.3 that are not negotiation's own."""

    def __init__(self) -> None:
        self.gathering = IceGatheringState.NEW
        self.ice = IceConnectionState.NEW
        self.connection = ConnectionState.NEW

    def update(self, transports: Collection[PeerTransport], *, closed: bool) -> list[EventName]:
        """Take in how the transports stand; return the events of what has changed, in order."""
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
        """Under the names of the W3C."""
        return {
            "iceGatheringState": self.gathering,
            "iceConnectionState": self.ice,
            "connectionState": self.connection,
        }
