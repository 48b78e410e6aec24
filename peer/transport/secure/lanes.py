"""Owns one association in its place among those of a transport, and how long old ones are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from peer.transport.dtls.timer import Timer
from peer.transport.secure.rekey import MOST_RETIRING, RETIREMENT

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate
    from peer.identity.fingerprints import Fingerprint
    from peer.states import DtlsTransportState
    from peer.transport.dtls.association import Association
    from peer.transport.interfaces import DatagramPath, SecureEvents


class LaneOwner(Protocol):
    """Who is told of the states of each lane."""

    def on_lane_state(self, lane: Lane, state: DtlsTransportState) -> None:
        """The state of its association has changed."""

    def on_lane_keys(self, lane: Lane) -> None:
        """Its handshake is complete."""


class Lane:
    """Says which association it is that speaks.

    Args:
        certificate: What we show on it.
        path: Where its datagrams go.
        events: Where its packets go.
        owner: Told of its states.

    Attributes:
        association: Set once, by whoever makes it.
        answered: Whether the peer's fingerprints are known.
        fingerprints: These.
        peer_may_keep: The peer may keep its association and never take part in this one.
        called: Whether the peer has taken part in its handshake.
        succeeds: Whether there was one before it, which had no keys any more or never had any.
    """

    __slots__ = (
        "_owner",
        "answered",
        "association",
        "called",
        "certificate",
        "fingerprints",
        "on_data",
        "on_rtcp",
        "on_rtp",
        "on_transmit",
        "on_transmit_all",
        "peer_may_keep",
        "succeeds",
    )

    association: Association

    def __init__(
        self, certificate: Certificate, path: DatagramPath, events: SecureEvents, owner: LaneOwner
    ) -> None:
        self.certificate = certificate
        self.answered = False
        self.fingerprints: tuple[Fingerprint, ...] = ()
        self.peer_may_keep = False
        self.called = False
        self.succeeds = False
        self._owner = owner
        # Bound here once: these run for every packet.
        self.on_transmit = path.send
        self.on_transmit_all = path.send_all
        self.on_rtp = events.on_rtp
        self.on_rtcp = events.on_rtcp
        self.on_data = events.on_data

    @property
    def number(self) -> int:
        """Of its association."""
        return self.association.number

    @property
    def handshaking(self) -> bool:
        """Whether its keys are still to come."""
        return self.association.handshaking

    def expects(self, datagram: bytes) -> bool:
        """Whether a datagram in clear fits into its handshake."""
        return self.association.expects(datagram)

    def on_state(self, state: DtlsTransportState) -> None:
        """From the association."""
        self._owner.on_lane_state(self, state)

    def on_handshake_complete(self) -> None:
        """From the association."""
        self._owner.on_lane_keys(self)


class Retiring:
    """Lanes whose keys still receive, newest first, for a bounded time.

    Args:
        on_retired: Called with each when its time is over, before its keys are wiped.
    """

    def __init__(self, on_retired: Callable[[Lane], None]) -> None:
        self._on_retired = on_retired
        self._clocks: dict[Lane, Timer] = {}

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Those that are left."""
        return tuple(reversed(self._clocks))

    def add(self, lane: Lane) -> None:
        """Let one retire; the oldest goes where there are too many."""
        clock = Timer(lambda: self._retire(lane))
        clock.start(RETIREMENT)
        self._clocks[lane] = clock
        if len(self._clocks) > MOST_RETIRING:
            self._retire(next(iter(self._clocks)))

    def clear(self) -> None:
        """Wipe all, without telling."""
        for lane, clock in self._clocks.items():
            clock.cancel()
            lane.association.close()
        self._clocks.clear()

    def _retire(self, lane: Lane) -> None:
        self._clocks.pop(lane).cancel()
        lane.association.close()
        self._on_retired(lane)
