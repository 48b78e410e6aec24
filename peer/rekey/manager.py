"""Runs the rekeys of one connection: from the request, over new DTLS associations, to a result."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from peer.negotiation.effects import ConnectDtls, ConnectIce
from peer.rekey.result import RekeyResult, RekeyStarter
from peer.rekey.timer import RekeyTimer
from peer.states import SignalingState
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from peer.errors import TransportError
    from peer.identity.certificate import Certificate
    from peer.negotiation.effects import Effect
    from peer.negotiation.session import Session
    from peer.times import MonotonicTime

#: Longest wait from the request to the answer, in seconds; the handshakes that follow have timeouts
#: of their own (ours).
ANSWER_TIMEOUT = 30.0

_ASKED_BY_PEER = "the peer asked for it"
_OUR_OFFER_IS_PENDING = (SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_REMOTE_PRANSWER)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedAssociations:
    """New DTLS associations that one offer/answer exchange adds beside those in use.

    Args:
        associations: Number of the new association, by the key of its transport.
        peer_may_keep: Keys of the transports whose peer may keep its former association: it sends
            no `a=tls-id`, so only the handshake shows.
        offered_by_us: Whether our offer asked for the new associations.
        ice_restarted: Whether ICE restarts in the same exchange, on all of these transports.
    """

    associations: Mapping[str, int]
    peer_may_keep: frozenset[str] = frozenset()
    offered_by_us: bool
    ice_restarted: bool = False


def agreed_associations(before: Session, effects: Iterable[Effect]) -> AgreedAssociations:
    """Collect the associations after the first that a description starts.

    Args:
        before: The session that the description was applied to.
        effects: The effects of the description.
    """
    effects = tuple(effects)
    later = [e for e in effects if isinstance(e, ConnectDtls) and e.association > 0]
    restarted = {effect.key for effect in effects if isinstance(effect, ConnectIce)}
    return AgreedAssociations(
        associations={effect.key: effect.association for effect in later},
        peer_may_keep=frozenset(effect.key for effect in later if effect.peer_may_keep),
        offered_by_us=before.rekey is not None and before.state in _OUR_OFFER_IS_PENDING,
        ice_restarted={effect.key for effect in later} <= restarted,
    )


class RekeyHost(Protocol):
    """The connection that is rekeyed, as `RekeyManager` sees it."""

    def request_rekey(self, certificate: Certificate | None, *, keep_path: bool) -> None:
        """Put a new fingerprint into the next offer, and ask for negotiation."""

    def withdraw_rekey(self) -> None:
        """Drop the request for new keys where no offer has carried it yet."""

    def can_rekey(self) -> bool:
        """Tell whether keys are in use and no offer/answer exchange is under way."""

    def packets_protected(self) -> int:
        """Return the packets that all associations have sent and received."""

    def on_rekey(self, result: RekeyResult) -> None:
        """Handle the end of a rekey that either end asked for."""


@dataclasses.dataclass(slots=True)
class _PendingRekey:
    """The rekey that is under way.

    Args:
        waiting: Associations whose outcome is not known yet, by the keys of their transports.
        keepers: Keys of the transports whose peer may answer our request and keep its association.
        ice_restarted: As in `AgreedAssociations`.
    """

    started_by: RekeyStarter
    reason: str
    started_at: MonotonicTime
    finished: asyncio.Future[RekeyResult]
    answer_timeout: asyncio.TimerHandle
    waiting: dict[str, int] = field(default_factory=dict)
    keepers: frozenset[str] = frozenset()
    ice_restarted: bool = False
    failures: list[str] = field(default_factory=list)


class RekeyManager:
    """Runs at most one rekey at a time, on request of either end or after `rekey_after`.

    Args:
        host: The connection.
        after: As in `PeerConfiguration.rekey_after`.
        keep_path: As in `PeerConfiguration.rekey_keep_path`.
    """

    def __init__(
        self, host: RekeyHost, after: timedelta | int | None, *, keep_path: bool = False
    ) -> None:
        self._host = host
        self._keep_path = keep_path
        self._pending: _PendingRekey | None = None
        self._timer = (
            None
            if after is None
            else RekeyTimer(after, packets=host.packets_protected, ask=self._on_due)
        )

    def __repr__(self) -> str:
        pending = self._pending
        state = "idle" if pending is None else f"{pending.started_by} waiting={pending.waiting}"
        return f"<RekeyManager {state}>"

    async def request(
        self, reason: str, certificate: Certificate | None, *, keep_path: bool = False
    ) -> RekeyResult:
        """Ask for new keys and wait for the outcome; a rekey that is under way is joined.

        Args:
            reason: Why, for the result.
            certificate: The certificate to show; None leaves the choice to the connection.
            keep_path: Restart no ICE with it.
        """
        result = await self._joined(reason, certificate, keep_path=keep_path)
        is_ours = result.started_by is RekeyStarter.LOCAL
        if result.changed or is_ours or not self._host.can_rekey():
            return result
        # What the peer asked for came to nothing, as where a media proxy passed on a tls-id that
        # means nothing on our leg. That says nothing of a rekey that we ask for.
        return await self._joined(reason, certificate, keep_path=keep_path)

    async def _joined(
        self, reason: str, certificate: Certificate | None, *, keep_path: bool
    ) -> RekeyResult:
        pending = self._pending
        if pending is None:
            pending = self._begin(RekeyStarter.LOCAL, reason)
            self._host.request_rekey(certificate, keep_path=keep_path)
        # A caller that is cancelled does not end the rekey for the others.
        return await asyncio.shield(pending.finished)

    def on_associations_agreed(self, agreed: AgreedAssociations) -> None:
        """Handle a completed offer/answer exchange, which may have added no association."""
        if not agreed.associations:
            return
        pending = self._pending
        if pending is None:
            pending = self._begin(RekeyStarter.REMOTE, _ASKED_BY_PEER)
        elif not pending.waiting and not agreed.offered_by_us:
            # RFC 9429 section 4.1.10.2: our own offer gave way to the peer's, which does as well.
            pending.started_by, pending.reason = RekeyStarter.REMOTE, _ASKED_BY_PEER
        pending.answer_timeout.cancel()
        pending.waiting.update(agreed.associations)
        # What the peer asked for itself says nothing of what it would make of our request.
        pending.keepers = agreed.peer_may_keep if agreed.offered_by_us else frozenset()
        pending.ice_restarted = agreed.ice_restarted

    def on_association_completed(self, key: str, association: int) -> None:
        """Handle new keys in both directions of a transport, those of this association."""
        self._finish_association(key, association, failure=None)

    def on_association_failed(self, key: str, association: int, *, reason: str) -> None:
        """Handle a transport that goes on with its former association, for this reason."""
        if self._pending is not None and key in self._pending.keepers:
            # The peer cannot rekey: asking again would change nothing.
            self._stop_timer()
        self._finish_association(key, association, failure=reason)

    def on_transport_ended(self, key: str, error: TransportError | None) -> None:
        """Handle a transport that was closed or failed, and all its associations with it."""
        pending = self._pending
        if pending is not None and key in pending.waiting:
            reason = "the peer closed its association" if error is None else str(error)
            self._finish_association(key, pending.waiting[key], failure=reason)

    def on_connected(self) -> None:
        """Start the schedule with the first keys of the connection; later calls do nothing."""
        if self._timer is not None:
            self._timer.start()

    def close(self) -> None:
        """End the schedule and the rekey under way, because the connection was closed."""
        self._stop_timer()
        if self._pending is not None:
            self._end(changed=False, reason="the connection was closed")

    def _begin(self, started_by: RekeyStarter, reason: str) -> _PendingRekey:
        loop = asyncio.get_running_loop()
        self._pending = _PendingRekey(
            started_by,
            reason,
            time.monotonic(),
            loop.create_future(),
            loop.call_later(ANSWER_TIMEOUT, self._on_answer_timeout),
        )
        return self._pending

    def _on_answer_timeout(self) -> None:
        self._host.withdraw_rekey()
        self._end(changed=False, reason=f"there was no answer within {ANSWER_TIMEOUT:g} s")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()

    def _on_due(self) -> None:
        if self._pending is None and self._host.can_rekey():
            self._begin(
                RekeyStarter.LOCAL, "the keys have served as long as `rekey_after` lets them"
            )
            self._host.request_rekey(None, keep_path=self._keep_path)

    def _finish_association(self, key: str, association: int, *, failure: str | None) -> None:
        pending = self._pending
        if pending is None or pending.waiting.get(key) != association:
            return
        del pending.waiting[key]
        if failure is not None:
            pending.failures.append(failure)
        if not pending.waiting:
            changed = not pending.failures
            self._end(changed=changed, reason=pending.reason if changed else pending.failures[0])

    def _end(self, *, changed: bool, reason: str) -> None:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        pending.answer_timeout.cancel()
        result = RekeyResult(
            changed=changed,
            reason=reason,
            started_by=pending.started_by,
            duration=time.monotonic() - pending.started_at,
            ice_restarted=pending.ice_restarted,
        )
        pending.finished.set_result(result)
        if self._timer is not None:
            self._timer.restart()
        self._host.on_rekey(result)
