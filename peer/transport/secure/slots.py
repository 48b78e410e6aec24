"""Keeps a DTLS association in its place among those of a transport: next, in use or retiring."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from peer.transport.dtls.timer import Timer
from peer.transport.secure.rekey import MAX_RETIRING, RETIREMENT_PERIOD

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate
    from peer.identity.fingerprints import Fingerprint
    from peer.states import DtlsTransportState
    from peer.transport.dtls.association import DtlsAssociation
    from peer.transport.interfaces import AssociationEvents


class SlotOwner(Protocol):
    """Receives the events of all associations of a transport, each with its slot."""

    def on_slot_state(self, slot: AssociationSlot, state: DtlsTransportState) -> None:
        """Report a change of state of the slot's association."""

    def on_slot_handshake_complete(self, slot: AssociationSlot) -> None:
        """Report that the handshake of the slot's association is complete."""


class AssociationSlot:
    """One DTLS association and its place in a rekey: adds its identity to every event.

    Packets do not pass through a slot: the association calls `PacketHandlers` itself.

    Args:
        certificate: Our certificate in the association.
        owner: Told of the association's events.
        make: Makes the association, which reports its events to the slot.

    Attributes:
        answered: Whether the description with the peer's fingerprints is known.
        fingerprints: The peer's fingerprints in that description.
        peer_may_keep: Whether the peer may keep its association and never take part in this one.
        peer_takes_part: Whether a message of the peer has fitted into the handshake.
        succeeds: Whether the transport had an association before this one, which had no keys any
            more, or never had any.
    """

    __slots__ = (
        "_owner",
        "answered",
        "association",
        "certificate",
        "fingerprints",
        "peer_may_keep",
        "peer_takes_part",
        "succeeds",
    )

    def __init__(
        self,
        certificate: Certificate,
        owner: SlotOwner,
        make: Callable[[AssociationEvents], DtlsAssociation],
    ) -> None:
        self.certificate = certificate
        self.answered = False
        self.fingerprints: tuple[Fingerprint, ...] = ()
        self.peer_may_keep = False
        self.peer_takes_part = False
        self.succeeds = False
        self._owner = owner
        self.association = make(self)

    def __repr__(self) -> str:
        return f"<AssociationSlot {self.association!r}>"

    @property
    def number(self) -> int:
        """Number of the association."""
        return self.association.number

    @property
    def handshaking(self) -> bool:
        """True while the handshake has yet to yield keys."""
        return self.association.handshaking

    def expects(self, datagram: bytes) -> bool:
        """Tell whether a datagram in clear fits into the handshake."""
        return self.association.expects(datagram)

    def on_state(self, state: DtlsTransportState) -> None:
        """Pass on the association's state (`AssociationEvents`)."""
        self._owner.on_slot_state(self, state)

    def on_handshake_complete(self) -> None:
        """Pass on that the handshake is complete (`AssociationEvents`)."""
        self._owner.on_slot_handshake_complete(self)


class RetiringSlots:
    """Slots whose keys still receive, for a bounded time and in a bounded number.

    Args:
        on_retired: Called with each slot when its time is over, after its keys were wiped.
    """

    def __init__(self, on_retired: Callable[[AssociationSlot], None]) -> None:
        self._on_retired = on_retired
        self._timers: dict[AssociationSlot, Timer] = {}

    @property
    def slots(self) -> tuple[AssociationSlot, ...]:
        """The retiring slots, newest first."""
        return tuple(reversed(self._timers))

    def add(self, slot: AssociationSlot) -> None:
        """Let a slot retire; the oldest goes where there are too many."""
        timer = Timer(lambda: self._retire(slot))
        timer.start(RETIREMENT_PERIOD)
        self._timers[slot] = timer
        if len(self._timers) > MAX_RETIRING:
            self._retire(next(iter(self._timers)))

    def clear(self) -> None:
        """Wipe the keys of all slots, without a call of `on_retired`."""
        for slot, timer in self._timers.items():
            timer.cancel()
            slot.association.close()
        self._timers.clear()

    def _retire(self, slot: AssociationSlot) -> None:
        self._timers.pop(slot).cancel()
        slot.association.close()
        self._on_retired(slot)
