"""Owns how one association follows another in a transport: it drives the table of `rekey`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, assert_never

from peer.states import DtlsRole, DtlsTransportState
from peer.tracing.events import Direction
from peer.transport.dtls import reasons
from peer.transport.dtls.timer import Timer
from peer.transport.secure.endings import meaning, patience, why_kept
from peer.transport.secure.lanes import Lane, Retiring
from peer.transport.secure.probing import Probing
from peer.transport.secure.rekey import Action, Input, Phase, step

if TYPE_CHECKING:
    from peer.errors import DtlsError
    from peer.identity.fingerprints import Fingerprint
    from peer.transport.dtls.association import Association
    from peer.transport.interfaces import SecureEvents
    from peer.transport.secure.sending import Outgoing
    from peer.transport.tap import Tap

_CONNECTED = DtlsTransportState.CONNECTED
_OVER = (DtlsTransportState.CLOSED, DtlsTransportState.FAILED)

_BEFORE_SWITCH = (Phase.HANDSHAKING, Phase.HANDSHAKING_ALONE, Phase.POISED)
_COMPLETED = (Phase.POISED, Phase.SWITCHING, Phase.SWITCHING_ALONE)


class Succession:
    """The lanes of a transport: the one that serves, the next one, and those that retire.

    The state is that of the first association until it is connected. From then on it stays
    `connected` as long as any association carries.

    Args:
        events: Told of switches, and asked for probes.
        outgoing: Told with which keys to send.
        handshake_timeout: Seconds that a handshake may take, and that a switch may.
        on_state: Told of every change of `state`.
        on_role: Told of our role in the association that we send with.
        tap: Told of switches and wiped keys, where the transport is traced.

    Attributes:
        state: Of the transport.
        error: Why it is `failed`.
        all: Newest first.
        only: The association, where there is but one.
    """

    def __init__(
        self,
        *,
        events: SecureEvents,
        outgoing: Outgoing,
        handshake_timeout: float,
        on_state: Callable[[DtlsTransportState], None],
        on_role: Callable[[DtlsRole], None],
        tap: Tap | None,
    ) -> None:
        self.state = DtlsTransportState.NEW
        self.error: DtlsError | None = None
        self.all: tuple[Lane, ...] = ()
        self.only: Association | None = None
        self._events = events
        self._outgoing = outgoing
        self._patience = handshake_timeout
        self._tell_state = on_state
        self._tell_role = on_role
        self._tap = tap
        self._phase = Phase.IDLE
        self._path_up = False
        self._serving: Lane | None = None
        self._next: Lane | None = None
        self._sends: Lane | None = None
        self._retiring = Retiring(self._on_retired)
        self._deadline = Timer(self._on_deadline)
        self._probing = Probing(events.on_probe)
        self._announcements: list[Callable[[], None]] = []

    @property
    def current(self) -> Lane | None:
        """The one that we send with, or shall."""
        return self._sends

    def find(self, number: int) -> Lane | None:
        """The lane of this association, unless it retires."""
        lanes = (self._next, self._serving)
        return next((lane for lane in lanes if lane is not None and lane.number == number), None)

    def is_past(self, number: int) -> bool:
        """Whether another association has taken the place of this one."""
        return self._serving is not None and number < self._serving.number

    def admit(self, lane: Lane) -> None:
        """There is a new association: the first, or the next one."""
        if self._serving is None or self.state in _OVER:
            self._begin(lane)
        else:
            if self._next is not None:
                self._happen(Input.SUPERSEDED)
            self._serving.association.lingers = True
            self._serving.association.settle()
            self._next = lane
            self._arrange()
            self._happen(Input.PREPARED)
            lane.association.trust(self._serving.fingerprints)
        if lane.association.role is DtlsRole.SERVER:
            lane.association.start()

    def answer(
        self, lane: Lane, fingerprints: Sequence[Fingerprint], *, peer_may_keep: bool = False
    ) -> None:
        """The peer's certificate is known, and what it has to do with the association."""
        lane.answered = True
        lane.peer_may_keep = peer_may_keep
        lane.fingerprints = tuple(fingerprints)
        if lane is self._sends:
            self._tell_role(lane.association.role)
        lane.association.verify(fingerprints)
        self._go(lane)

    def discard(self, lane: Lane) -> None:
        """Another one is to take its place, under the same number."""
        if lane is self._next:
            self._happen(Input.REMADE)
        else:
            if self._next is not None:
                self._happen(Input.DROPPED)
            self._serving = self._sends = None
            lane.association.close()

    def drop(self, number: int) -> None:
        """It is wanted no more."""
        if self._next is not None and self._next.number == number:
            self._happen(Input.DROPPED)

    def on_path(self, *, up: bool) -> None:
        """Whether the peer can be reached."""
        self._path_up = up
        for lane in (self._serving, self._next):
            if lane is not None and lane.answered:
                self._go(lane)
        self._watch()

    def on_payload(self, lane: Lane) -> None:
        """Something has authenticated under the keys of one of several."""
        if lane is self._next:
            # Before it is complete and verified, this is only remembered.
            lane.association.heard = True
            if self._phase in _COMPLETED:
                self._happen(Input.HEARD)

    def on_call(self, lane: Lane) -> None:
        """The peer takes part in the handshake of one of several."""
        if lane is self._next and self._phase in (Phase.HANDSHAKING, Phase.HANDSHAKING_ALONE):
            lane.called = True
            self._deadline.cancel()
            self._watch()

    def close(self) -> None:
        """Close every association, without telling."""
        self._deadline.cancel()
        self._probing.stop()
        self._outgoing.close()
        self._announcements.clear()
        self._phase = Phase.ENDED
        lanes = [lane for lane in (self._next, self._serving) if lane is not None]
        # From here on, nobody listens to what they say.
        self._serving = self._next = None
        for lane in lanes:
            lane.association.close()
        self._retiring.clear()
        self._arrange()

    def on_lane_keys(self, lane: Lane) -> None:
        """From a lane: its handshake is complete."""
        if lane is self._serving:
            self._events.on_handshake_complete()

    def on_lane_state(self, lane: Lane, state: DtlsTransportState) -> None:
        """From a lane: the state of its association."""
        if lane is self._serving:
            self._on_serving(lane, state)
        elif lane is self._next:
            self._on_next(lane, state)

    def _on_serving(self, lane: Lane, state: DtlsTransportState) -> None:
        is_over = state in _OVER
        is_mismatch = isinstance(lane.association.error, reasons.MismatchError)
        if self._next is not None and is_mismatch:
            self._end(lane, lane.association)
        elif self._next is not None and is_over and self.state is not _CONNECTED:
            # It never came to anything, and another one is under way.
            self._promote(self._next)
        elif self._next is not None and is_over:
            self._happen(Input.PEER_CLOSED_OLD)
        else:
            self.error = lane.association.error
            if is_over:
                self._retiring.clear()
                self._arrange()
            self._set_state(state)
            if state is _CONNECTED and lane.succeeds:
                self._announce(lane)

    def _on_next(self, lane: Lane, state: DtlsTransportState) -> None:
        match state:
            case DtlsTransportState.CONNECTED if self.state is not _CONNECTED:
                self._promote(lane)
            case DtlsTransportState.CONNECTED:
                is_client = lane.association.role is DtlsRole.CLIENT
                self._happen(Input.COMPLETED_AS_CLIENT if is_client else Input.COMPLETED_AS_SERVER)
                # Something may have overtaken the end of the handshake, or the answer.
                if lane is self._next and lane.association.heard and self._phase in _COMPLETED:
                    self._happen(Input.HEARD)
            case DtlsTransportState.CLOSED | DtlsTransportState.FAILED:
                self._happen_to_end(lane, Input.FAILED)
            case DtlsTransportState.NEW | DtlsTransportState.CONNECTING:
                return
            case never:
                assert_never(never)

    def _happen_to_end(self, following: Lane, happened: Input) -> None:
        # A client that has switched does not go back for silence.
        is_end = happened is Input.FAILED or self._phase in _BEFORE_SWITCH
        self._happen(meaning(following, happened) if is_end else happened)

    def _happen(self, happened: Input) -> None:
        before = self._phase
        self._phase, actions = step(before, happened)
        if self._phase is not before:
            self._deadline.cancel()
        for action in actions:
            # What waited may have come back by now, through a link within one process.
            if self._serving is not None and self._next is not None:
                self._act(action, self._serving, self._next, happened)
        self._watch()
        # Only now, so that whatever they call back into finds it done.
        while self._announcements:
            self._announcements.pop(0)()

    def _act(self, action: Action, serving: Lane, following: Lane, happened: Input) -> None:
        match action:
            case Action.HOLD:
                self._outgoing.hold()
            case Action.SEND_NEW:
                self._switch(serving.association, following)
            case Action.PROBE:
                self._announcements.append(self._probing.begin)
            case Action.REPLACE:
                self._replace(serving, following, happened)
            case Action.KEEP_OLD:
                reason, error = why_kept(following, happened, self._patience)
                self._give_up(serving, following, reason)
                self._announcements.append(
                    lambda: self._events.on_kept(following.number, reason, error)
                )
            case Action.DISCARD:
                self._give_up(serving, following, "the descriptions have left it")
            case Action.END:
                failed = following if following.association.error is not None else serving
                self._end(failed, following.association)
            case never:
                assert_never(never)

    def _switch(self, old: Association, following: Lane) -> None:
        new = following.association
        self._sends = following
        self._outgoing.switch(old, new)
        self._tell_role(new.role)
        if self._tap is not None:
            self._tap.keys_switched(Direction.OUT, new.number)
        self._announcements.append(lambda: self._events.on_switched(new.number))

    def _replace(self, serving: Lane, following: Lane, happened: Input) -> None:
        self._serving, self._next = following, None
        self._retiring.add(serving)
        self._arrange()
        if happened is Input.HEARD and self._tap is not None:
            self._tap.keys_switched(Direction.IN, following.number)
        # A server does not learn whether the client has heard it.
        if following.association.role is DtlsRole.CLIENT:
            self._probing.stop()
        self._announcements.append(lambda: self._events.on_replaced(following.number))

    def _give_up(self, serving: Lane, following: Lane, reason: str) -> None:
        self._next = None
        serving.association.lingers = False
        if self._sends is following:
            self._sends = serving
            self._outgoing.use(serving.association)
            self._tell_role(serving.association.role)
        self._probing.stop()
        following.association.close()
        self._arrange()
        if self._tap is not None:
            self._tap.association_retired(following.number, reason)

    def _begin(self, lane: Lane) -> None:
        """It is the first, or the first after an end."""
        lane.succeeds = self._sends is not None
        former, self._serving, self._next = self._serving, lane, None
        self._sends = lane
        self._outgoing.use(lane.association)
        self._phase = Phase.IDLE
        if former is not None:
            former.association.close()
        self.error = None
        self._arrange()
        self._set_state(DtlsTransportState.NEW)

    def _promote(self, lane: Lane) -> None:
        """The next one takes the place of one that was never connected."""
        former = self._serving
        self._serving, self._next, self._sends = lane, None, lane
        self._outgoing.use(lane.association)
        self._phase = Phase.IDLE
        self._watch()
        lane.succeeds = True
        if former is not None:
            former.association.close()
        self._arrange()
        self._tell_role(lane.association.role)
        if lane.association.state is _CONNECTED:
            self._set_state(_CONNECTED)
            self._announce(lane)

    def _announce(self, lane: Lane) -> None:
        """There was nothing to switch from, but the number is another one."""
        self._events.on_switched(lane.number)
        self._events.on_replaced(lane.number)

    def _end(self, last: Lane, association: Association) -> None:
        """The transport ends as this association does; `last` is what there is to be said of it."""
        has_failed = association.error is not None
        self.error = association.error
        self.close()
        self._serving = self._sends = last
        self._set_state(DtlsTransportState.FAILED if has_failed else DtlsTransportState.CLOSED)

    def _set_state(self, state: DtlsTransportState) -> None:
        if state is not self.state:
            self.state = state
            self._tell_state(state)

    def _go(self, lane: Lane) -> None:
        """The answer known and the path up: from now on the peer can be expected to speak."""
        if not self._path_up:
            return
        match lane.association.role:
            case DtlsRole.CLIENT:
                lane.association.start()
            case DtlsRole.SERVER:
                lane.association.on_path()
            case never:
                assert_never(never)
        self._watch()

    def _watch(self) -> None:
        """Let the time of the present phase run."""
        lane = self._next
        time = None
        if lane is not None:
            time = patience(self._phase, lane, path_up=self._path_up, handshake=self._patience)
        if time is None:
            self._deadline.cancel()
        elif not self._deadline.running:
            self._deadline.start(time)

    def _on_deadline(self) -> None:
        lane = self._next
        if lane is not None:
            self._happen_to_end(lane, Input.EXPIRED)

    def _on_retired(self, lane: Lane) -> None:
        self._arrange()
        if self._tap is not None:
            self._tap.association_retired(lane.number, "its keys are old")
        if not self._retiring.lanes:
            self._happen(Input.RETIRED)

    def _arrange(self) -> None:
        """Put them in the order in which datagrams are offered to them."""
        lanes = (self._next, self._serving)
        self.all = (*(lane for lane in lanes if lane is not None), *self._retiring.lanes)
        self.only = self.all[0].association if len(self.all) == 1 else None
