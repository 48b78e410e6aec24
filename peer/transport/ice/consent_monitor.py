"""Sends consent checks when they are due, reports the peer's consent (RFC 7675), moves the path."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

from peer.transport.ice.consent import Consent, ConsentState
from peer.transport.ice.path_doubt import PathDoubt, PathTrust
from peer.wake_up import WakeUp

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds
    from peer.transport.adapters.ice_agent import IceAgent
    from peer.transport.ice.timing import IceTiming

_logger = logging.getLogger(__name__)


class ConsentMonitor:
    """Keeps the consent of the peer on the agent's selected pair fresh, and a pair that works.

    Args:
        agent: The ICE agent, which sends the checks, and has the other pairs.
        timing: Intervals and timeouts.
        activity: Returns a count that grows with each datagram or check of the peer.
        packets: Returns the number of its datagrams alone, without STUN.
        read_at: Returns when a datagram last came, by the loop's clock, or None.
        on_state: Called when the state has changed; the first state is `FRESH`.
        uniform: Returns a random number from 0 to 1, for the times of the checks.
    """

    def __init__(
        self,
        agent: IceAgent,
        timing: IceTiming,
        *,
        activity: Callable[[], int],
        packets: Callable[[], int],
        read_at: Callable[[], MonotonicTime | None],
        on_state: Callable[[ConsentState], None],
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._agent = agent
        self._timing = timing
        self._activity = activity
        self._packets = packets
        self._read_at = read_at
        self._on_state = on_state
        self._clock = asyncio.get_running_loop().time
        self._consent = Consent(timing, uniform, self._clock())
        self._doubt = PathDoubt(timing, self._clock())
        self._wake_up = WakeUp()

    def __repr__(self) -> str:
        return f"<ConsentMonitor {self._consent.state(self._clock()).name} of {self._agent!r}>"

    @property
    def withdrawn(self) -> bool:
        """True once the peer itself has ended its consent."""
        return self._consent.withdrawn

    def renew(self) -> None:
        """Renew consent, as a check has succeeded on the selected pair."""
        self._consent.on_response(self._clock())
        self._doubt.on_answer(self._clock())
        self._wake_up.set()

    def suspect(self) -> None:
        """Check the selected pair soon, as the peer checks another one."""
        self._doubt.suspect(self._clock())
        self._wake_up.set()

    async def run(self) -> None:
        """Send checks and report states until consent has expired."""
        activity = self._activity()
        reported = ConsentState.FRESH
        deadline = self._clock()
        while reported is not ConsentState.EXPIRED:
            self._wake_up.clear()
            now = self._clock()
            if now > deadline + self._timing.consent_grace:
                self._on_pause(now - deadline, now)
            if activity != (activity := self._activity()):
                # Silence counts from the last datagram, not from this look at the count.
                came = self._read_at()
                self._consent.on_received(now if came is None else min(came, now))
            state = self._consent.state(now)
            if state is not reported:
                reported = state
                self._on_state(state)
            self._doubt.on_packets(self._packets(), now)
            checks = self._consent.is_check_due(now) or self._doubt.is_check_due(now)
            if checks:
                self._check(now)
            self._replace_lost_path(now, probes=checks)
            deadline = min(self._consent.next_deadline(now), self._doubt.next_deadline(now))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._wake_up.wait()

    def _on_pause(self, length: Seconds, now: MonotonicTime) -> None:
        # A stopped process, or a laptop whose lid was closed: the peer may be there all the same,
        # and what it sent meanwhile is read before this is noticed.
        self._consent.on_pause(length, now)
        self._doubt.on_pause(length)
        if self._consent.is_overdue(now):
            # RFC 7675 section 5.1: nothing but checks may be sent before one is answered.
            self._agent.hold_path()
            _logger.info("this process did not run for %.1f s: the path is checked again", length)

    def _check(self, now: MonotonicTime) -> None:
        self._agent.send_consent_check(self._on_answer)
        self._consent.on_check_sent(now)
        self._doubt.on_check_sent(now)

    def _replace_lost_path(self, now: MonotonicTime, *, probes: bool) -> None:
        match self._doubt.trust(now):
            case PathTrust.SURE:
                self._agent.end_probes()
                return
            case PathTrust.LOST:
                if self._agent.replace_path():
                    # Its answer is consent, so that `renew` was called; the check tells the peer.
                    self._check(now)
                    return
            case PathTrust.DOUBTED:
                pass
            case _ as never:
                assert_never(never)
        if probes:
            self._agent.probe_others(self._wake_up.set)

    def _on_answer(self, round_trip_time: Seconds | None) -> None:
        if round_trip_time is None:
            self._consent.withdraw()
            self._wake_up.set()
        else:
            self.renew()
