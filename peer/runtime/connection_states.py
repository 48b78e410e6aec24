"""Owns the states of a connection that follow from its transports, and which events are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.events import EventName
from peer.runtime.aggregate import connection_state, gathering_state, ice_connection_state
from peer.states import ConnectionState, IceConnectionState, IceGatheringState

if TYPE_CHECKING:
    from collections.abc import Collection

    from peer.runtime.bundle import Bundle


class ConnectionStates:
    """The three of webrtc-pc section 4.3 that are not negotiation's own."""

    def __init__(self) -> None:
        self.gathering = IceGatheringState.NEW
        self.ice = IceConnectionState.NEW
        self.connection = ConnectionState.NEW

    def update(self, bundles: Collection[Bundle], *, closed: bool) -> list[EventName]:
        """Take in how the transports stand; return the events of what has changed, in order."""
        gathering = gathering_state([bundle.gathering_state for bundle in bundles])
        ice = ice_connection_state([bundle.ice.state for bundle in bundles])
        connection = connection_state([bundle.states for bundle in bundles])
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
