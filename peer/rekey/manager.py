"""Owns the course of a rekey: who asked for it, which transports it concerns, what became of it."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from peer.rekey.result import RekeyResult, RekeyStarter
from peer.rekey.schedule import RekeySchedule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from peer.errors import TransportError
    from peer.identity.certificate import Certificate

#: Seconds from the request to the answer. From then on the transports have limits of their own.
ANSWER_TIMEOUT = 30.0

_ASKED = "the peer asked for it"

_chance = random.SystemRandom().random


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedAssociations:
    """The associations that an exchange makes beside those that serve.

    Args:
        associations: Their numbers, by the keys of their transports.
        peer_may_keep: Of these transports, those whose peer may keep its association.
        offered_by_us: Whether our offer asked for them.
    """

    associations: Mapping[str, int]
    peer_may_keep: frozenset[str] = frozenset()
    offered_by_us: bool


class RekeyHost(Protocol):
    """What rekeying asks of its connection."""

    def request_rekey(self, certificate: Certificate | None) -> None:
        """Wish for new keys, with the next offer."""

    def withdraw_rekey(self) -> None:
        """Wish for them no more, where no offer has said so yet."""

    def can_rekey(self) -> bool:
        """Whether there are keys in use, and nothing is being agreed on."""

    def packets_protected(self) -> int:
        """How many packets all associations have sent and received."""

    def on_rekey(self, result: RekeyResult) -> None:
        """One has ended."""


@dataclass(slots=True)
class _PendingRekey:
    """One rekey under way."""

    started_by: RekeyStarter
    reason: str
    since: float
    settled: asyncio.Future[RekeyResult]
    unanswered: asyncio.TimerHandle
    waiting: dict[str, int] = field(default_factory=dict)
    peer_may_keep: frozenset[str] = frozenset()
    failures: list[str] = field(default_factory=list)


class RekeyManager:
    """Turns what transports report into one result for each rekey, and asks for them on schedule.

    Args:
        host: The connection.
        after: As in `PeerConfiguration.rekey_after`.
    """

    def __init__(self, host: RekeyHost, after: timedelta | int | None) -> None:
        self._host = host
        self._pending: _PendingRekey | None = None
        self._asks = after is not None
        self._schedule = RekeySchedule(after, _chance())
        self._look: asyncio.TimerHandle | None = None
        self._peer_cannot = False
        self._closed = False

    async def request(self, reason: str, certificate: Certificate | None) -> RekeyResult:
        """Ask for new keys and wait until that is settled; a rekey that is under way is joined.

        Args:
            reason: Why, for the result.
            certificate: What to show; None leaves it to the connection.
        """
        pending = self._pending
        if pending is None:
            pending = self._begin(RekeyStarter.LOCAL, reason)
            self._host.request_rekey(certificate)
        # Whoever gives up waiting does not end it for the others.
        return await asyncio.shield(pending.settled)

    def agreed(self, agreed: AgreedAssociations) -> None:
        """An exchange is complete, and perhaps there are new associations on their way."""
        if not agreed.associations:
            return
        pending = self._pending
        if pending is None:
            pending = self._begin(RekeyStarter.REMOTE, _ASKED)
        elif not pending.waiting and not agreed.offered_by_us:
            # RFC 9429 section 4.1.10.2: our own offer gave way to the peer's, which does as well.
            pending.started_by, pending.reason = RekeyStarter.REMOTE, _ASKED
        pending.unanswered.cancel()
        pending.waiting.update(agreed.associations)
        pending.peer_may_keep = agreed.peer_may_keep

    def replaced(self, key: str, association: int) -> None:
        """Both directions of a transport use the keys of this association."""
        self._settle(key, association, None)

    def kept(self, key: str, association: int, reason: str) -> None:
        """A transport goes on with its former association, for this reason."""
        if self._pending is not None and key in self._pending.peer_may_keep:
            self._peer_cannot = True
        self._settle(key, association, reason)

    def lost(self, key: str, error: TransportError | None) -> None:
        """A transport has ended, and all its associations with it."""
        pending = self._pending
        if pending is not None and key in pending.waiting:
            reason = "the peer closed its association" if error is None else str(error)
            self._settle(key, pending.waiting[key], reason)

    def connected(self) -> None:
        """The connection has its first keys."""
        if self._asks and self._look is None and not self._closed:
            self._restart_schedule()
            self._look_later()

    def close(self) -> None:
        """The connection has ended."""
        self._closed = True
        if self._look is not None:
            self._look.cancel()
        if self._pending is not None:
            self._end(changed=False, reason="the connection was closed")

    def _begin(self, started_by: RekeyStarter, reason: str) -> _PendingRekey:
        loop = asyncio.get_running_loop()
        unanswered = loop.call_later(ANSWER_TIMEOUT, self._lose_patience)
        self._pending = _PendingRekey(
            started_by, reason, time.monotonic(), loop.create_future(), unanswered
        )
        return self._pending

    def _lose_patience(self) -> None:
        self._host.withdraw_rekey()
        self._end(changed=False, reason=f"there was no answer within {ANSWER_TIMEOUT:g} s")

    def _settle(self, key: str, association: int, failure: str | None) -> None:
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
        pending.unanswered.cancel()
        result = RekeyResult(
            changed=changed,
            reason=reason,
            started_by=pending.started_by,
            duration=time.monotonic() - pending.since,
        )
        pending.settled.set_result(result)
        self._restart_schedule()
        self._host.on_rekey(result)

    def _restart_schedule(self) -> None:
        self._schedule.restart(time.monotonic(), self._host.packets_protected(), _chance())

    def _look_later(self) -> None:
        delay = self._schedule.next_look(time.monotonic())
        if delay is not None:
            self._look = asyncio.get_running_loop().call_later(delay, self._look_now)

    def _look_now(self) -> None:
        due = self._schedule.is_due(time.monotonic(), self._host.packets_protected())
        if due and not self._peer_cannot and self._pending is None and self._host.can_rekey():
            self._begin(
                RekeyStarter.LOCAL, "the keys have served as long as `rekey_after` lets them"
            )
            self._host.request_rekey(None)
        if not self._peer_cannot:
            self._look = None
            self._look_later()
