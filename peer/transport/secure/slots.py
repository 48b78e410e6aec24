"""Places of DTLS associations in the rekeys of one transport: next, in use, and retiring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from peer.transport.dtls.timer import Timer
from peer.transport.secure.rekey import MAX_RETIRING, RETIREMENT_PERIOD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.identity.certificate import Certificate
    from peer.identity.fingerprints import Fingerprint
    from peer.states import DtlsTransportState
    from peer.transport.dtls.association import DtlsAssociation
    from peer.transport.interfaces import DatagramSender, MakeFreshPath, StrangerPath


class SlotOwner(Protocol):
    """Coordinator of the associations, as each of their slots sees it."""

    def on_slot_state(self, slot: AssociationSlot, state: DtlsTransportState) -> None:
        """Act on the state of an association."""

    def on_slot_handshake_complete(self, slot: AssociationSlot) -> None:
        """Act on a complete handshake."""

    def on_slot_path(self, slot: AssociationSlot) -> None:
        """Act on the path of an ICE restart that is up."""


class AssociationSlot:
    """One DTLS association and its place in a rekey: adds its identity to every event.

    Packets do not pass through a slot: the association calls `PacketHandlers` itself.

    Args:
        certificate: Our certificate in the association.
        owner: Told of the association's events.
        make_path: Makes `fresh_path`; None where there is none.
        make: Makes the association, which reports its events to the slot.

    Attributes:
        fresh_path: The path of the ICE restart that it begins with; None for the path in use.
        own_path: Its path where the peer has no ICE; None for the path in use.
        answered: Whether the description with the peer's fingerprints is known.
        fingerprints: The peer's fingerprints in that description.
        is_restart: Whether the peer has begun it anew, without a description.
        peer_may_keep: Whether the peer may keep its association and never take part in this one.
        peer_is_due: Whether the peer is known to have our description, so that it is its turn.
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
        "fresh_path",
        "is_restart",
        "own_path",
        "peer_is_due",
        "peer_may_keep",
        "peer_takes_part",
        "succeeds",
    )

    def __init__(
        self,
        certificate: Certificate,
        owner: SlotOwner,
        make_path: MakeFreshPath | None,
        *,
        make: Callable[[AssociationSlot], DtlsAssociation],
    ) -> None:
        self.certificate = certificate
        self.answered = False
        self.fingerprints: tuple[Fingerprint, ...] = ()
        self.peer_may_keep = False
        self.is_restart = False
        self.peer_is_due = True
        self.peer_takes_part = False
        self.succeeds = False
        self.own_path: FollowingPath | None = None
        self._owner = owner
        self.fresh_path = None if make_path is None else make_path(lambda: owner.on_slot_path(self))
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

    @property
    def waits_for_path(self) -> bool:
        """True until the path of the ICE restart is up, where the association begins with one."""
        return self.fresh_path is not None and not self.fresh_path.up

    def expects(self, datagram: bytes) -> bool:
        """Tell whether a datagram in clear fits into the handshake."""
        return self.association.expects(datagram)

    def follow(self, path: StrangerPath) -> None:
        """Send the handshake to a client that has just been accepted."""
        if self.own_path is not None:
            self.own_path.follow(path)

    def latch(self) -> None:
        """Send everything where the association sends, as its peer is verified."""
        if self.own_path is not None:
            self.own_path.latch()

    def refuse_path(self) -> None:
        """Take nothing more from where the association sent, as it came to nothing."""
        if self.own_path is not None:
            self.own_path.refuse()

    def release_path(self) -> None:
        """Let all other packets follow to the path of the association."""
        if self.fresh_path is not None:
            self.fresh_path.release()

    def on_state(self, state: DtlsTransportState) -> None:
        """Pass on the association's state (`AssociationEvents`)."""
        self._owner.on_slot_state(self, state)

    def on_handshake_complete(self) -> None:
        """Pass on that the handshake is complete (`AssociationEvents`)."""
        self._owner.on_slot_handshake_complete(self)


class FollowingPath:
    """Path of one association with a peer without ICE: one of its own, or that in use until then.

    Args:
        in_use: The path of everything else.
        own: The path of the association; None until its client is known.
    """

    def __init__(self, in_use: DatagramSender, own: StrangerPath | None) -> None:
        self._in_use = in_use
        self._own = own

    def __repr__(self) -> str:
        return f"<FollowingPath {self._own or self._in_use!r}>"

    def send(self, datagram: bytes) -> bool:
        """Send a datagram on the path of the association, or return False without one."""
        return (self._own or self._in_use).send(datagram)

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        """Send several in their order; return how many were sent."""
        return (self._own or self._in_use).send_all(datagrams)

    def follow(self, path: StrangerPath) -> None:
        """Send to a client that has just been accepted."""
        if self._own is not None:
            self._own.refuse()
        self._own = path

    def latch(self) -> None:
        """Make it the path of everything: its handshake is complete, and the peer verified."""
        if self._own is not None:
            self._own.latch()

    def refuse(self) -> None:
        """Take nothing more from there, as the association came to nothing."""
        if self._own is not None:
            self._own.refuse()


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
