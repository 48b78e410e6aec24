"""Owns the secure transport of one BUNDLE group: which association serves it, over one ICE path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, assert_never

from peer.errors import DtlsError, InvalidStateError
from peer.states import DtlsRole, DtlsTransportState, IceTransportState
from peer.transport.demux import associations_for, classify
from peer.transport.dtls.association import DEFAULT_POLICY, Association, monotonic_ms
from peer.transport.seam.dtls import TransportFace
from peer.transport.secure_stats import Counters, SecureTransportStats

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate
    from peer.identity.fingerprints import Fingerprint
    from peer.security_policy import SecurityPolicy
    from peer.transport.dtls.connection import OnSecret
    from peer.transport.interfaces import DatagramPath, RtpRegistry, SecureEvents
    from peer.transport.tap import Tap

_SETTLED = frozenset(
    {DtlsTransportState.CONNECTED, DtlsTransportState.CLOSED, DtlsTransportState.FAILED}
)
_PATH_UP = frozenset({IceTransportState.CONNECTED, IceTransportState.COMPLETED})


class SecureTransport:
    """DTLS, SRTP and DTLS application data above one path.

    It is told of datagrams by `receive` and of the path by `on_ice_state`, and tells its owner
    what arrives, all by plain calls. Its state is that of the current association.

    Args:
        key: Names this transport in statistics.
        ice: Carries the datagrams; an `IceTransport`.
        certificate: What we show.
        events: Told of states, packets and data.
        registry: Where aiortc's senders and receivers are to register through `face`.
        policy: For every association.
        on_secret: Told of their keys, where these are to be logged.
        tap: Told of handshakes, verification and drops, where the transport is traced.
        clock: Milliseconds, monotonic, for arrival times.

    Attributes:
        face: What to give aiortc's senders, receivers and SCTP as their transport.
    """

    def __init__(
        self,
        *,
        key: str,
        ice: DatagramPath,
        certificate: Certificate,
        events: SecureEvents,
        registry: RtpRegistry | None = None,
        policy: SecurityPolicy = DEFAULT_POLICY,
        on_secret: OnSecret | None = None,
        tap: Tap | None = None,
        clock: Callable[[], int] = monotonic_ms,
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
        self._current: Association | None = None
        self._current_events: _LaneEvents | None = None
        self._lanes: tuple[Association, ...] = ()
        self._role: DtlsRole | None = None
        self._path_up = False
        self._settled = asyncio.Event()
        # What no association counts, and what former ones counted.
        self._counters = Counters()
        self.face = TransportFace(self, certificate, registry)

    @property
    def state(self) -> DtlsTransportState:
        """Of the current association; `new` while there is none."""
        if self.closed:
            return DtlsTransportState.CLOSED
        return DtlsTransportState.NEW if self._current is None else self._current.state

    @property
    def error(self) -> DtlsError | None:
        """Why the state is `failed`."""
        return None if self._current is None else self._current.error

    @property
    def role(self) -> DtlsRole | None:
        """Ours, once the answer is known."""
        return self._role

    @property
    def verified(self) -> bool:
        """Whether the certificate that the peer has shown is the one that it signalled."""
        return self._current is not None and self._current.verified

    @property
    def current(self) -> Association | None:
        """The association that serves; None before `listen` or `start`."""
        return self._current

    def listen(self) -> None:
        """Be ready for a ClientHello before the answer (RFC 5763 section 5)."""
        if self._current is None and not self.closed:
            self._adopt(DtlsRole.SERVER)

    def start(self, role: DtlsRole, fingerprints: Sequence[Fingerprint]) -> None:
        """The answer is known: who sends the ClientHello, and what the peer's certificate must be.

        A listening association is kept where we are the server, as its handshake may be complete
        by now. A client sends its ClientHello once the path is up. Further calls verify the
        association against the latest fingerprints.

        Raises:
            InvalidStateError: The transport is closed, or runs in the other role.
        """
        if self.closed:
            raise InvalidStateError("the secure transport is closed")
        if self._role not in (None, role):
            raise InvalidStateError(f"the association runs as {self._role}, not as {role}")
        self._role = role
        self.face.adopt_role(role)
        current = self._current
        if current is None or current.role is not role:
            current = self._adopt(role)
        current.verify(fingerprints)
        if self._path_up:
            self._go(current)

    def require_srtp(self) -> None:
        """Media is to flow: a peer without an SRTP profile in common is not connected to."""
        self._needs_srtp = True
        if self._current is not None:
            self._current.require_srtp()

    def on_ice_state(self, state: IceTransportState) -> None:
        """The state of the path, whose interruptions and restarts the association outlives."""
        self._path_up = state in _PATH_UP
        if self._path_up and self._role is not None and self._current is not None:
            self._go(self._current)

    def receive(self, datagram: bytes) -> None:
        """Take a datagram from an address that has passed an ICE check; never raises."""
        lanes = self._lanes
        if len(lanes) > 1:
            lanes = tuple(associations_for(datagram, classify(datagram), lanes))
        for lane in lanes:
            if lane.receive(datagram):
                return
        if not lanes:
            self._counters.packets_received += 1
            self._counters.bytes_received += len(datagram)
            self._counters.dropped_foreign += 1

    def send_rtp(self, packet: bytes) -> bool:
        """Protect and send an RTP packet; False and counted where that is not possible now."""
        return self._unsent() if self._current is None else self._current.send_rtp(packet)

    def send_rtcp(self, packet: bytes) -> bool:
        """The same for RTCP."""
        return self._unsent() if self._current is None else self._current.send_rtcp(packet)

    def send_data(self, message: bytes) -> bool:
        """The same for one DTLS application datagram (an SCTP packet)."""
        return self._unsent() if self._current is None else self._current.send_data(message)

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
        for lane in self._lanes:
            lane.close()
        self._settled.set()
        if before is not DtlsTransportState.CLOSED:
            self._events.on_state(DtlsTransportState.CLOSED)

    def stats(self) -> SecureTransportStats:
        """What can be said at this moment."""
        current = self._current
        total = self._counters if current is None else self._counters + current.counters
        return SecureTransportStats(
            state=self.state,
            role=self._role,
            version=None if current is None else current.version,
            cipher=None if current is None else current.cipher,
            srtp_profile=None if current is None else current.srtp_profile,
            local_fingerprint=self._certificate.fingerprint(),
            remote_fingerprint=None if current is None else current.peer_fingerprint,
            **asdict(total),
        )

    def _adopt(self, role: DtlsRole) -> Association:
        """Make a new association the current one; the former one ends without a sound above."""
        former = self._current
        lane = _LaneEvents(self, self._events)
        self._current = Association(
            certificate=self._certificate,
            role=role,
            events=lane,
            policy=self._policy,
            on_secret=self._on_secret,
            tap=self._tap,
            clock=self._clock,
        )
        if self._needs_srtp:
            self._current.require_srtp()
        self._current_events = lane
        self._lanes = (self._current,)
        self._settled.clear()
        if former is not None:
            former.close()
            self._counters += former.counters
        if role is DtlsRole.SERVER:
            self._current.start()
        return self._current

    def _go(self, association: Association) -> None:
        """The path is up and the answer known: from now on the peer can be expected to speak."""
        match association.role:
            case DtlsRole.CLIENT:
                association.start()
            case DtlsRole.SERVER:
                association.expect_peer()
            case never:
                assert_never(never)

    def _unsent(self) -> bool:
        self._counters.dropped_unsent += 1
        return False

    def _on_handshake_complete(self, lane: _LaneEvents) -> None:
        if lane is self._current_events:
            self._events.on_handshake_complete()

    def _on_state(self, lane: _LaneEvents, state: DtlsTransportState) -> None:
        if self.closed or lane is not self._current_events:
            return
        if state in _SETTLED:
            self._settled.set()
        self._events.on_state(state)


class _LaneEvents:
    """Says which association it is that speaks, so that only the current one moves our state."""

    __slots__ = ("_secure", "on_data", "on_rtcp", "on_rtp", "on_transmit")

    def __init__(self, secure: SecureTransport, events: SecureEvents) -> None:
        self._secure = secure
        # Bound here once: these four run for every packet.
        self.on_transmit = secure.ice.send
        self.on_rtp = events.on_rtp
        self.on_rtcp = events.on_rtcp
        self.on_data = events.on_data

    def on_state(self, state: DtlsTransportState) -> None:
        self._secure._on_state(self, state)  # noqa: SLF001 - one module, one owner

    def on_handshake_complete(self) -> None:
        self._secure._on_handshake_complete(self)  # noqa: SLF001 - one module, one owner
