"""Finds the transport object of each m-section of a connection, before BUNDLE and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc.rtcconfiguration import RTCBundlePolicy

from peer.compat.transports import (
    ConnectionDtlsTransport,
    ConnectionSctpTransport,
    TransportSlot,
)

if TYPE_CHECKING:
    from peer.compat.peer_adapter import AdaptedPeer
    from peer.compat.transceivers import ConnectionTransceiver


class TransportObjects:
    """The transports of one connection as aiortc's objects.

    An m-section has an object from the beginning, chosen by the bundle policy as aiortc does, and
    that of its group once BUNDLE is agreed on.

    Args:
        peer: The connection of ours.
        policy: The bundle policy.
    """

    def __init__(self, peer: AdaptedPeer, policy: RTCBundlePolicy) -> None:
        self._peer = peer
        self._policy = policy
        #: In the order in which aiortc would have made them; the data channels are under None.
        self._objects: dict[ConnectionTransceiver | None, ConnectionDtlsTransport] = {}
        self._by_key: dict[str, ConnectionDtlsTransport] = {}
        self.sctp: ConnectionSctpTransport | None = None

    def __repr__(self) -> str:
        return f"<TransportObjects {self._policy.value} {list(self._by_key)}>"

    def of(self, transceiver: ConnectionTransceiver) -> ConnectionDtlsTransport:
        """Return the transport of a transceiver."""
        return self._objects[transceiver]

    def section_of(self, mid: str | None) -> int | None:
        """Return the index of the m-section of a mid in our description, or None."""
        return self._peer.section_of(mid)

    def stream_id(self) -> str:
        """Return the id of the MediaStream of all tracks."""
        return self._peer.stream_id

    def add(self, transceiver: ConnectionTransceiver) -> None:
        """Choose the transport of a new transceiver."""
        others = [each for each in self._objects if each is not None]
        shared: ConnectionDtlsTransport | None = None
        if self._policy is RTCBundlePolicy.MAX_BUNDLE:
            shared = next(iter(self._objects.values()), None)
        elif self._policy is RTCBundlePolicy.BALANCED:
            same = next((each for each in others if each.kind == transceiver.kind), None)
            shared = None if same is None else self._objects[same]
        self._objects[transceiver] = shared or self._made()

    def made_sctp(self) -> ConnectionSctpTransport:
        """Return the transport of the data channels, made when it is first needed."""
        if self.sctp is None:
            bundled = self._policy is RTCBundlePolicy.MAX_BUNDLE
            first = next(iter(self._objects.values()), None) if bundled else None
            self._objects[None] = first or self._made()
            self.sctp = ConnectionSctpTransport(
                lambda: self._objects[None], lambda: self._peer.data
            )
            self.refresh()
        return self.sctp

    def request_data(self) -> None:
        """Ask for an m-section of data channels, without one of them."""
        self._peer.request_data()
        self.made_sctp()

    def refresh(self) -> None:
        """Take note of what was negotiated, and let each object fire the events of its states."""
        if self.sctp is None and self._peer.data_mid is not None:
            self.made_sctp()
            return
        if self.sctp is not None:
            self.sctp.mid = self._peer.data_mid
        before = set(self._objects.values())
        for owner in self._objects:
            mid = self._peer.data_mid if owner is None else owner.mid
            self._bind(owner, mid)
        for gone in before - set(self._objects.values()):
            gone.slot.closed = True
            gone.refresh()
        for found in set(self._objects.values()):
            found.refresh()

    def close(self) -> None:
        """Close every object, after its last event."""
        for each in set(self._objects.values()):
            each.slot.closed = True
            each.refresh()
            each.end()

    def _bind(self, owner: ConnectionTransceiver | None, mid: str | None) -> None:
        found = self._peer.transport_of(mid)
        if found is None:
            return
        key, transport = found
        own = self._objects[owner]
        chosen = self._by_key.get(key)
        if chosen is None:
            taken = own in self._by_key.values()
            chosen = self._by_key[key] = self._made() if taken else own
        chosen.slot.transport = transport
        self._objects[owner] = chosen

    def _made(self) -> ConnectionDtlsTransport:
        return ConnectionDtlsTransport(TransportSlot(), self._peer.fingerprints)
