"""Runs the rekeys of a transport: drives the table of `rekey` with timers, probes and slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, assert_never

from peer.states import DtlsRole, DtlsTransportState
from peer.tracing.events import Direction
from peer.transport.dtls import reasons
from peer.transport.dtls.timer import Timer
from peer.transport.secure.rekey import (
    FAREWELL_TIMEOUT,
    PARTICIPATION_TIMEOUT,
    RekeyAction,
    RekeyInput,
    RekeyPhase,
    step,
)
from peer.transport.secure.sending import ProbeSchedule
from peer.transport.secure.slots import RetiringSlots
from peer.transport.wire.stun_embedding import EmbeddingState

if TYPE_CHECKING:
    from peer.errors import DtlsError
    from peer.identity.fingerprints import Fingerprint
    from peer.times import Seconds
    from peer.transport.context import TransportContext
    from peer.transport.dtls.association import DtlsAssociation
    from peer.transport.dtls.counters import ReceiveResult
    from peer.transport.interfaces import SecureEvents
    from peer.transport.secure.sending import SendKeySelector
    from peer.transport.secure.slots import AssociationSlot

_CONNECTED = DtlsTransportState.CONNECTED
_NOT_EMBEDDED = EmbeddingState.OVER
_OVER = (DtlsTransportState.CLOSED, DtlsTransportState.FAILED)

_HANDSHAKING = (RekeyPhase.HANDSHAKING, RekeyPhase.HANDSHAKING_WITHOUT_FALLBACK)
_BEFORE_SWITCH = (*_HANDSHAKING, RekeyPhase.AWAITING_CONFIRMATION)
_COMPLETED = (
    RekeyPhase.AWAITING_CONFIRMATION,
    RekeyPhase.SWITCHING,
    RekeyPhase.SWITCHING_WITHOUT_FALLBACK,
)


class DatagramReceiver(Protocol):
    """Takes the datagrams of a path: a DTLS association, or what stands in its place."""

    def receive(self, datagram: bytes) -> ReceiveResult:
        """Take one datagram from the path; never raises."""


class RekeyCoordinator:
    """Coordinates the association in use, the next one, and those that retire.

    The state is that of the first association until it is connected. From then on it stays
    `connected` as long as any association can carry packets.

    Args:
        events: Told of switches and of the end of each rekey, and asked for probes.
        key_selector: Told with which keys to send.
        context: Policy, whose handshake timeout bounds a switch as well, and trace.
        on_state: Told of every change of `state`.

    Attributes:
        state: State of the transport.
        error: Reason of the state `failed`.
        all: All slots in the order in which datagrams are offered: next, in use, retiring.
        only: The association, where there is but one, or what has taken its place.
    """

    def __init__(
        self,
        *,
        events: SecureEvents,
        key_selector: SendKeySelector,
        context: TransportContext,
        on_state: Callable[[DtlsTransportState], None],
    ) -> None:
        self.state = DtlsTransportState.NEW
        self.error: DtlsError | None = None
        self.all: tuple[AssociationSlot, ...] = ()
        self.only: DatagramReceiver | None = None
        self._events = events
        self._key_selector = key_selector
        self._handshake_timeout = context.policy.handshake_timeout
        self._report_state = on_state
        self._tap = context.tap
        self._embedding = context.embedding
        self._phase = RekeyPhase.IDLE
        self._path_up = False
        self._in_use: AssociationSlot | None = None
        self._next: AssociationSlot | None = None
        self._sends: AssociationSlot | None = None
        self._retiring = RetiringSlots(self._on_retired)
        self._deadline = Timer(self._on_deadline)
        self._probes = ProbeSchedule(events.on_probe)
        self._after_step: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<RekeyCoordinator {self._phase.name} {self.state.value} {self.all!r}>"

    @property
    def current(self) -> AssociationSlot | None:
        """Slot of the association that we send with, or shall once it is connected."""
        return self._sends

    def find(self, number: int) -> AssociationSlot | None:
        """Find the slot of an association by its number, unless it retires."""
        slots = (self._next, self._in_use)
        return next((slot for slot in slots if slot is not None and slot.number == number), None)

    def is_past(self, number: int) -> bool:
        """Tell whether another association has taken the place of this one."""
        return self._in_use is not None and number < self._in_use.number

    def admit(self, slot: AssociationSlot) -> None:
        """Take a new association: the first one, or the next one, which begins a rekey."""
        if self._in_use is None or self.state in _OVER:
            self._begin(slot)
        else:
            if self._next is not None:
                self._step(RekeyInput.SUPERSEDED)
            self._in_use.association.keeps_keys_after_close = True
            self._in_use.association.stop_retransmitting()
            self._next = slot
            self._order_slots()
            self._step(RekeyInput.PREPARED)
            slot.association.preverify(self._in_use.fingerprints)
        if slot.association.role is DtlsRole.SERVER:
            slot.association.start()

    @property
    def restartable(self) -> AssociationSlot | None:
        """Slot in use whose peer may begin DTLS anew as client; None while it is being replaced."""
        slot = self._in_use
        if slot is None or self._next is not None or not slot.association.verified:
            return None
        return slot if slot.association.role is DtlsRole.SERVER else None

    @property
    def listening(self) -> AssociationSlot | None:
        """Slot that waits for a ClientHello, or shakes hands as server: the next one goes first."""
        for slot in (self._next, self._in_use):
            if slot is not None and slot.association.role is DtlsRole.SERVER and slot.handshaking:
                return None if slot.association.state in _OVER else slot
        return None

    @property
    def in_use_as_client(self) -> AssociationSlot | None:
        """Slot in use that we may begin anew as client; None while it is being replaced."""
        slot = self._in_use
        if slot is None or self._next is not None or not slot.association.verified:
            return None
        return slot if slot.association.role is DtlsRole.CLIENT else None

    def admit_restart(self, slot: AssociationSlot) -> None:
        """Take an association that either end begins anew, without a description (RFC 6347 4.2.8).

        The one in use serves until its certificate matches. What comes to nothing is forgotten.
        """
        former = self._in_use
        if former is not None:
            slot.is_restart = True
            self.admit(slot)
            # As client we ask only, at an address to which the peer may not have moved DTLS.
            may_keep = slot.association.role is DtlsRole.CLIENT
            self.answer(slot, former.fingerprints, peer_may_keep=may_keep)

    def answer(
        self,
        slot: AssociationSlot,
        fingerprints: Sequence[Fingerprint],
        *,
        peer_may_keep: bool = False,
        is_answerer: bool = False,
    ) -> None:
        """Set what the answer says of an association.

        Args:
            slot: The association.
            fingerprints: The peer's.
            peer_may_keep: The peer may keep its association and never take part in this one.
            is_answerer: The answer is ours, so that the peer may not have it yet.
        """
        slot.answered = True
        if is_answerer and slot is self._in_use:
            slot.peer_is_due = False
            slot.association.await_peer()
        slot.peer_may_keep = peer_may_keep
        if slot is self._next and slot.fresh_path is not None:
            slot.fresh_path.hold()
        slot.fingerprints = tuple(fingerprints)
        slot.association.verify(fingerprints)
        is_embedded = self._embedding is not None and self._embedding.state is not _NOT_EMBEDDED
        if is_embedded and slot is self._in_use and slot.association.role is DtlsRole.CLIENT:
            # The checks carry it before there is a path.
            slot.association.start(before_path=True)
        self._start_if_path_up(slot)

    def discard(self, slot: AssociationSlot) -> None:
        """Close an association that another one is to replace under the same number."""
        if slot is self._next:
            self._step(RekeyInput.REMADE)
        else:
            if self._next is not None:
                self._step(RekeyInput.DROPPED)
            self._in_use = self._sends = None
            slot.association.close()

    def drop(self, number: int) -> None:
        """Give up the next association, as the descriptions have left it."""
        if self._next is not None and self._next.number == number:
            self._step(RekeyInput.DROPPED)

    def on_path(self, *, up: bool) -> None:
        """Note whether the ICE path is up, and let handshakes and timeouts run while it is."""
        self._path_up = up
        for slot in (self._in_use, self._next):
            if slot is not None and slot.answered:
                self._start_if_path_up(slot)
        self._update_deadline()

    def on_peer_check(self) -> None:
        """Note an ICE check of the peer: it has our description, so its handshake is due."""
        slot = self._in_use
        if slot is not None and slot.answered and not slot.peer_is_due:
            slot.peer_is_due = True
            self._start_if_path_up(slot)

    def on_authenticated(self, slot: AssociationSlot) -> None:
        """Note that a packet has authenticated under the keys of one of several associations."""
        if slot is self._next:
            # Before it is complete and verified, this is only remembered.
            slot.association.authenticated = True
            if self._phase in _COMPLETED:
                self._step(RekeyInput.AUTHENTICATED)

    def on_handshake_datagram(self, slot: AssociationSlot) -> None:
        """Note that the peer takes part in the handshake of one of several associations."""
        if slot is self._next and self._phase in _HANDSHAKING:
            slot.peer_takes_part = True
            self._deadline.cancel()
            self._update_deadline()

    def give_way(self, media: DatagramReceiver) -> None:
        """Close every association, without any event, and let others take the datagrams.

        A later association begins as the first one did.

        Args:
            media: Takes the datagrams until then.
        """
        self.close()
        self._sends = None
        self.only = media

    def close(self) -> None:
        """Close every association, without any event."""
        self._deadline.cancel()
        self._probes.stop()
        self._key_selector.close()
        self._after_step.clear()
        self._phase = RekeyPhase.ENDED
        slots = [slot for slot in (self._next, self._in_use) if slot is not None]
        # First of all, so that their events find no slot in use.
        self._in_use = self._next = None
        for slot in slots:
            slot.release_path()
            slot.association.close()
        self._retiring.clear()
        self._order_slots()

    def on_slot_path(self, slot: AssociationSlot) -> None:
        """Begin a handshake on the path of its ICE restart, which is up now."""
        if slot.answered and slot in (self._in_use, self._next):
            self._deadline.cancel()
            self._start_if_path_up(slot)

    def on_slot_handshake_complete(self, slot: AssociationSlot) -> None:
        """Report the handshake of the association in use."""
        if slot is self._in_use:
            self._events.on_handshake_complete()

    def on_slot_state(self, slot: AssociationSlot, state: DtlsTransportState) -> None:
        """Act on the state of an association in use or next."""
        if slot is self._in_use:
            self._on_in_use(slot, state)
        elif slot is self._next:
            self._on_next(slot, state)

    def _on_in_use(self, slot: AssociationSlot, state: DtlsTransportState) -> None:
        is_over = state in _OVER
        if self._next is not None and slot.association.has_mismatch:
            self._end(slot, slot.association)
        elif self._next is not None and is_over and self.state is not _CONNECTED:
            # It was never connected, and another one is under way.
            self._promote(self._next)
        elif self._next is not None and is_over:
            self._step(RekeyInput.PEER_CLOSED_OLD)
        else:
            self.error = slot.association.error
            if is_over:
                self._retiring.clear()
                self._order_slots()
            if state is _CONNECTED:
                slot.latch()
            self._set_state(state)
            if state is _CONNECTED and slot.succeeds:
                self._report_completed(slot)

    def _on_next(self, slot: AssociationSlot, state: DtlsTransportState) -> None:
        match state:
            case DtlsTransportState.CONNECTED if self.state is not _CONNECTED:
                self._promote(slot)
            case DtlsTransportState.CONNECTED:
                is_client = slot.association.role is DtlsRole.CLIENT
                self._step(
                    RekeyInput.COMPLETED_AS_CLIENT if is_client else RekeyInput.COMPLETED_AS_SERVER
                )
                if slot.is_restart and self._phase is RekeyPhase.AWAITING_CONFIRMATION:
                    # RFC 6347 section 4.2.8: the peer has no other keys any more.
                    self._step(RekeyInput.PEER_CLOSED_OLD)
                # A packet may have overtaken the end of the handshake, or the answer.
                if (
                    slot is self._next
                    and slot.association.authenticated
                    and self._phase in _COMPLETED
                ):
                    self._step(RekeyInput.AUTHENTICATED)
            case DtlsTransportState.CLOSED | DtlsTransportState.FAILED:
                self._step_on_end(slot, RekeyInput.FAILED)
            case DtlsTransportState.NEW | DtlsTransportState.CONNECTING:
                return
            case never:
                assert_never(never)

    def _step_on_end(self, following: AssociationSlot, event: RekeyInput) -> None:
        """Step when the next association has failed or timed out, or by MISMATCH."""
        # A client that has switched does not go back for silence.
        is_end = event is RekeyInput.FAILED or self._phase in _BEFORE_SWITCH
        mismatch = is_end and following.association.has_mismatch and not following.is_restart
        self._step(RekeyInput.MISMATCH if mismatch else event)

    def _step(self, event: RekeyInput) -> None:
        before = self._phase
        self._phase, actions = step(before, event)
        if self._phase is not before:
            self._deadline.cancel()
        for action in actions:
            # A queued packet may have come back by now, through a link within one process.
            if self._in_use is not None and self._next is not None:
                self._act(action, self._in_use, self._next, event)
        self._update_deadline()
        # Only now, so that callbacks from the owner find the step complete.
        while self._after_step:
            self._after_step.pop(0)()

    def _act(
        self,
        action: RekeyAction,
        in_use: AssociationSlot,
        following: AssociationSlot,
        event: RekeyInput,
    ) -> None:
        match action:
            case RekeyAction.QUEUE:
                self._key_selector.queue()
            case RekeyAction.SEND_NEW:
                self._switch(in_use.association, following)
            case RekeyAction.PROBE:
                self._after_step.append(self._probes.begin)
            case RekeyAction.COMPLETE:
                self._complete(in_use, following, event)
            case RekeyAction.KEEP_OLD:
                reason, error = self._failure(following, event)
                self._give_up(in_use, following, reason)
                if not following.is_restart:
                    self._after_step.append(
                        lambda: self._events.on_rekey_failed(following.number, reason, error)
                    )
            case RekeyAction.DISCARD:
                self._give_up(in_use, following, "the descriptions have left it")
            case RekeyAction.END:
                failed = following if following.association.error is not None else in_use
                self._end(failed, following.association)
            case never:
                assert_never(never)

    def _switch(self, old: DtlsAssociation, following: AssociationSlot) -> None:
        new = following.association
        self._sends = following
        following.release_path()
        following.latch()
        if following.is_restart:
            self._key_selector.use(new)
        else:
            self._key_selector.switch(old, new)
        if self._tap is not None:
            self._tap.keys_switched(Direction.OUT, new.number)
        self._after_step.append(lambda: self._events.on_keys_switched(new.number))

    def _complete(
        self, in_use: AssociationSlot, following: AssociationSlot, event: RekeyInput
    ) -> None:
        self._in_use, self._next = following, None
        self._retiring.add(in_use)
        self._order_slots()
        if event is RekeyInput.AUTHENTICATED and self._tap is not None:
            self._tap.keys_switched(Direction.IN, following.number)
        # A server does not learn whether its packets have reached the client.
        if following.association.role is DtlsRole.CLIENT:
            self._probes.stop()
        self._after_step.append(lambda: self._events.on_rekey_completed(following.number))

    def _give_up(self, in_use: AssociationSlot, following: AssociationSlot, reason: str) -> None:
        self._next = None
        in_use.association.keeps_keys_after_close = False
        if self._sends is following:
            self._sends = in_use
            self._key_selector.use(in_use.association)
            in_use.latch()
        self._probes.stop()
        following.release_path()
        following.refuse_path()
        following.association.close()
        self._order_slots()
        if self._tap is not None:
            self._tap.association_retired(following.number, reason)

    def _begin(self, slot: AssociationSlot) -> None:
        """Put a first association in use, or the first one after an end."""
        slot.succeeds = self._sends is not None
        former, self._in_use, self._next = self._in_use, slot, None
        self._sends = slot
        self._key_selector.use(slot.association)
        self._phase = RekeyPhase.IDLE
        if former is not None:
            former.association.close()
        self.error = None
        self._order_slots()
        self._set_state(DtlsTransportState.NEW)

    def _promote(self, slot: AssociationSlot) -> None:
        """Put the next association in the place of one that was never connected."""
        former = self._in_use
        self._in_use, self._next, self._sends = slot, None, slot
        self._key_selector.use(slot.association)
        self._phase = RekeyPhase.IDLE
        self._update_deadline()
        slot.succeeds = True
        slot.release_path()
        if former is not None:
            former.association.close()
        self._order_slots()
        if slot.association.state is _CONNECTED:
            slot.latch()
            self._set_state(_CONNECTED)
            self._report_completed(slot)

    def _report_completed(self, slot: AssociationSlot) -> None:
        """Report a completed rekey that had no keys to switch from."""
        self._events.on_keys_switched(slot.number)
        self._events.on_rekey_completed(slot.number)

    def _end(self, last: AssociationSlot, association: DtlsAssociation) -> None:
        """End the transport as an association ended; statistics go on to show slot `last`."""
        has_failed = association.error is not None
        self.error = association.error
        self.close()
        self._in_use = self._sends = last
        self._set_state(DtlsTransportState.FAILED if has_failed else DtlsTransportState.CLOSED)

    def _set_state(self, state: DtlsTransportState) -> None:
        if state is not self.state:
            self.state = state
            self._report_state(state)

    def _start_if_path_up(self, slot: AssociationSlot) -> None:
        """Start the handshake as client, or its timeout as server, if the path is up."""
        if self._path_up if slot.fresh_path is None else slot.fresh_path.up:
            if slot.association.role is DtlsRole.CLIENT:
                slot.association.start()
            slot.association.on_path(peer_is_due=slot.peer_is_due)
        self._update_deadline()

    def _update_deadline(self) -> None:
        """Start or cancel the timer of the present phase."""
        timeout = None if self._next is None else self._timeout(self._next)
        if timeout is None:
            self._deadline.cancel()
        elif not self._deadline.running:
            self._deadline.start(timeout)

    def _timeout(self, following: AssociationSlot) -> Seconds | None:
        """Seconds until the present phase times out; None where it never does."""
        may_keep = following.answered and following.peer_may_keep and not following.peer_takes_part
        match self._phase:
            case RekeyPhase.HANDSHAKING if following.answered and following.waits_for_path:
                return self._handshake_timeout
            case RekeyPhase.HANDSHAKING if may_keep and self._path_up:
                return PARTICIPATION_TIMEOUT
            case RekeyPhase.HANDSHAKING_WITHOUT_FALLBACK if following.handshaking:
                return FAREWELL_TIMEOUT
            case RekeyPhase.AWAITING_CONFIRMATION:
                return self._handshake_timeout
            case RekeyPhase.SWITCHING | RekeyPhase.SWITCHING_WITHOUT_FALLBACK:
                # So that a server that goes back can still be followed.
                return 2 * self._handshake_timeout
            case _:
                return None

    def _failure(
        self, following: AssociationSlot, event: RekeyInput
    ) -> tuple[str, DtlsError | None]:
        """Word why the rekey has failed, with the error of the next association if it has one."""
        error = following.association.error
        if error is not None:
            return str(error), error
        if event is RekeyInput.SUPERSEDED:
            return reasons.superseded(), None
        if event is not RekeyInput.TIMED_OUT:
            return reasons.given_up(), None
        if following.waits_for_path:
            return reasons.no_fresh_path(self._handshake_timeout), None
        if following.handshaking:
            return reasons.kept(), None
        return reasons.unused(self._handshake_timeout), None

    def _on_deadline(self) -> None:
        slot = self._next
        if slot is not None:
            self._step_on_end(slot, RekeyInput.TIMED_OUT)

    def _on_retired(self, slot: AssociationSlot) -> None:
        self._order_slots()
        if self._tap is not None:
            self._tap.association_retired(slot.number, "its keys are old")
        if not self._retiring.slots:
            self._step(RekeyInput.ALL_RETIRED)

    def _order_slots(self) -> None:
        """Put the slots in the order in which datagrams are offered to them."""
        slots = (self._next, self._in_use)
        self.all = (*(slot for slot in slots if slot is not None), *self._retiring.slots)
        self.only = self.all[0].association if len(self.all) == 1 else None
