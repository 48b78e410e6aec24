"""Owns the secure transport of one BUNDLE group: which associations serve it, over one ICE path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from peer.errors import DtlsError, InvalidStateError
from peer.states import DtlsRole, DtlsTransportState, IceTransportState
from peer.transport.adapters.dtls import TransportFace
from peer.transport.dtls.association import DEFAULT_POLICY, Association
from peer.transport.dtls.counters import Counters
from peer.transport.dtls.dropped import Dropped
from peer.transport.dtls.held import MOST_HELD
from peer.transport.dtls.receipt import Receipt
from peer.transport.secure.demux import associations_for
from peer.transport.secure.lanes import Lane
from peer.transport.secure.sending import Outgoing
from peer.transport.secure.stats import SecureTransportStats
from peer.transport.secure.succession import Succession
from peer.transport.wire.datagrams import classify

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate
    from peer.identity.fingerprints import Fingerprint
    from peer.security_policy import SecurityPolicy
    from peer.transport.dtls.connection import OnSecret
    from peer.transport.interfaces import DatagramPath, SecureEvents
    from peer.transport.tap import Tap

_PATH_UP = frozenset({IceTransportState.CONNECTED, IceTransportState.COMPLETED})

#: Packets that may wait on an association that follows another: the peer is known by then, and an
#: answer that announces a new certificate may be slower than the handshake.
_MOST_HELD_OF_NEXT = 1024

# Looked up for every packet, and an Enum takes its time.
_PAYLOAD = Receipt.PAYLOAD


class SecureTransport:
    """DTLS, SRTP and DTLS application data above one path.

    It is told of datagrams by `receive` and of the path by `on_ice_state`, and tells its owner
    what arrives, all by plain calls. Its state is that of its first association until that is
    connected, and stays `connected` while another one follows: see `Succession`.

    Args:
        key: Names this transport in statistics.
        ice: Carries the datagrams; an `IceTransport`.
        certificate: What we show at first.
        events: Told of states, packets and data.
        policy: For every association.
        on_secret: Told of their keys, where these are to be logged.
        tap: Told of handshakes, verification and drops, where the transport is traced.
        clock: Seconds, monotonic, for arrival times.

    Attributes:
        face: What to give aiortc's SCTP as its transport.
    """

    def __init__(
        self,
        *,
        key: str,
        ice: DatagramPath,
        certificate: Certificate,
        events: SecureEvents,
        policy: SecurityPolicy = DEFAULT_POLICY,
        on_secret: OnSecret | None = None,
        tap: Tap | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.key = key
        self.ice = ice
        self.closed = False
        self._certificate = certificate
        self._events = events
        self._policy = policy
        self._on_secret = on_secret
        self._tap = tap
        self._needs_srtp = False
        self._clock = clock
        self._counters = Counters()
        self._dropped = Dropped(self._counters, tap)
        self._outgoing = Outgoing(self._counters)
        self._lanes = Succession(
            events=events,
            outgoing=self._outgoing,
            handshake_timeout=policy.handshake_timeout,
            on_state=self._on_state,
            on_role=lambda role: self.face.adopt_role(role),
            tap=tap,
        )
        self._settled = asyncio.Event()
        self.face = TransportFace(self, certificate)

    @property
    def state(self) -> DtlsTransportState:
        """`new` before there is any association; `connected` through every change of keys."""
        return DtlsTransportState.CLOSED if self.closed else self._lanes.state

    @property
    def error(self) -> DtlsError | None:
        """Why the state is `failed`."""
        return self._lanes.error

    @property
    def role(self) -> DtlsRole | None:
        """Ours in the association that we send with, once the answer is known."""
        lane = self._lanes.current
        return lane.association.role if lane is not None and lane.answered else None

    @property
    def verified(self) -> bool:
        """Whether the certificate that the peer has shown is the one that it signalled."""
        return self.current is not None and self.current.verified

    @property
    def current(self) -> Association | None:
        """The association that we send with; None before `listen` or `connect`."""
        lane = self._lanes.current
        return None if lane is None else lane.association

    def listen(self, association: int, certificate: Certificate) -> None:
        """Be ready for a ClientHello before the answer (RFC 5763 section 5).

        Args:
            association: Its number; another than before means a new association (section 6.6).
            certificate: What we show on it.
        """
        is_new = self._lanes.find(association) is None and not self._lanes.is_past(association)
        if is_new and not self.closed:
            self._lanes.admit(self._lane(association, certificate, DtlsRole.SERVER))

    def connect(
        self,
        association: int,
        certificate: Certificate,
        role: DtlsRole,
        remote_fingerprints: Sequence[Fingerprint],
        *,
        peer_may_keep: bool = False,
    ) -> None:
        """The answer is known: who sends the ClientHello, and what the peer's certificate must be.

        A listening association is kept where we are the server, as its handshake may be complete
        by now. A client sends its ClientHello once the path is up. Further calls verify the
        association against the latest fingerprints.

        Args:
            association: As in `listen`.
            certificate: As in `listen`.
            role: Ours.
            remote_fingerprints: What the peer announced.
            peer_may_keep: The peer may keep its association and never take part in this one.

        Raises:
            InvalidStateError: The transport is closed, the association runs in the other role, or
                another one has taken its place.
        """
        if self.closed:
            raise InvalidStateError("the secure transport is closed")
        if self._lanes.is_past(association):
            raise InvalidStateError(f"another association has followed association {association}")
        lane = self._lanes.find(association)
        if lane is not None and lane.association.role is not role:
            if lane.answered:
                raise InvalidStateError(
                    f"the association runs as {lane.association.role}, not as {role}"
                )
            self._lanes.discard(lane)
            lane = None
        if lane is None:
            lane = self._lane(association, certificate, role)
            self._lanes.admit(lane)
        self._lanes.answer(lane, remote_fingerprints, peer_may_keep=peer_may_keep)

    def drop(self, association: int) -> None:
        """The descriptions have gone back to the association before this one.

        Nothing happens to one that is complete, as the peer may be using it, or is the only one.
        """
        self._lanes.drop(association)

    def require_srtp(self) -> None:
        """Media is to flow: a peer without an SRTP profile in common is not connected to."""
        self._needs_srtp = True
        for lane in self._lanes.all:
            lane.association.require_srtp()

    def on_ice_state(self, state: IceTransportState) -> None:
        """The state of the path, whose interruptions and restarts the associations outlive."""
        self._lanes.on_path(up=state in _PATH_UP)

    def receive(self, datagram: bytes) -> None:
        """Take a datagram from an address that has passed an ICE check; never raises."""
        counters = self._counters
        counters.packets_received += 1
        counters.bytes_received += len(datagram)
        only = self._lanes.only
        receipt = self._offer(datagram) if only is None else only.receive(datagram)
        if receipt is not _PAYLOAD:
            self._dropped(receipt, datagram)

    def send_rtp(self, packet: bytes) -> bool:
        """Protect and send an RTP packet; False and counted where that is not possible now."""
        return self._outgoing.sender.send_rtp(packet)

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """The same for several in their order; how many were sent."""
        return self._outgoing.sender.send_rtp_all(packets)

    def send_rtcp(self, packet: bytes) -> bool:
        """The same for RTCP."""
        return self._outgoing.sender.send_rtcp(packet)

    def send_data(self, message: bytes) -> bool:
        """The same for one DTLS application datagram (an SCTP packet)."""
        return self._outgoing.sender.send_data(message)

    async def connected(self) -> None:
        """Wait until packets can flow.

        Raises:
            DtlsError: They cannot: the handshake or the verification failed, or somebody closed.
        """
        await self._settled.wait()
        if self.state is not DtlsTransportState.CONNECTED:
            raise self.error or DtlsError("the secure transport was closed")

    async def close(self) -> None:
        """Say close_notify and drop all keys; at any moment, any number of times."""
        before = self.state
        self.closed = True
        self._lanes.close()
        self._settled.set()
        if before is not DtlsTransportState.CLOSED:
            self._events.on_state(DtlsTransportState.CLOSED)

    def stats(self) -> SecureTransportStats:
        """What can be said at this moment."""
        lane = self._lanes.current
        current = None if lane is None else lane.association
        certificate = self._certificate if lane is None else lane.certificate
        return SecureTransportStats(
            state=self.state,
            association=0 if current is None else current.number,
            role=self.role,
            version=None if current is None else current.version,
            cipher=None if current is None else current.cipher,
            srtp_profile=None if current is None else current.srtp_profile,
            local_fingerprint=certificate.fingerprint(),
            remote_fingerprint=None if current is None else current.peer_fingerprint,
            **asdict(self._counters),
        )

    def _lane(self, number: int, certificate: Certificate, role: DtlsRole) -> Lane:
        is_first = self._lanes.current is None
        lane = Lane(certificate, self.ice, self._events, self._lanes)
        lane.association = Association(
            certificate=certificate,
            role=role,
            events=lane,
            policy=self._policy,
            on_secret=self._on_secret,
            tap=self._tap,
            clock=self._clock,
            number=number,
            counters=self._counters,
            most_held=MOST_HELD if is_first else _MOST_HELD_OF_NEXT,
        )
        if self._needs_srtp:
            lane.association.require_srtp()
        return lane

    def _offer(self, datagram: bytes) -> Receipt:
        """Offer it to each lane that it may belong to."""
        fate = Receipt.FOREIGN
        for lane in associations_for(datagram, classify(datagram), self._lanes.all):
            receipt = lane.association.receive(datagram)
            match receipt:
                case Receipt.PAYLOAD:
                    self._lanes.on_payload(lane)
                    return receipt
                case Receipt.HANDSHAKE:
                    self._lanes.on_call(lane)
                    return receipt
                case Receipt.HELD:
                    return receipt
                case _ if fate is Receipt.FOREIGN:
                    fate = receipt
                case _:
                    continue
        return fate

    def _on_state(self, state: DtlsTransportState) -> None:
        if self.closed:
            return
        if state in (DtlsTransportState.NEW, DtlsTransportState.CONNECTING):
            self._settled.clear()
        else:
            self._settled.set()
        if state is not DtlsTransportState.NEW:
            self._events.on_state(state)
