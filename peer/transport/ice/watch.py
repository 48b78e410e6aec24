"""Owns the task that asks for consent when it is due, and tells what the answers mean."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from peer.transport.ice.consent import Consent, ConsentState

if TYPE_CHECKING:
    from peer.transport.adapters.ice import IceAgent
    from peer.transport.adapters.ice_timing import IceTiming


class ConsentWatch:
    """Watches the consent of the peer on the agent's path.

    Args:
        agent: Who sends the checks.
        timing: The intervals.
        heard: A number that differs whenever the peer was heard since.
        on_state: Told when the state has changed; it begins as `FRESH`.
    """

    def __init__(
        self,
        agent: IceAgent,
        timing: IceTiming,
        *,
        heard: Callable[[], int],
        on_state: Callable[[ConsentState], None],
    ) -> None:
        self.round_trip_time: float | None = None
        self._agent = agent
        self._heard = heard
        self._on_state = on_state
        self._clock = asyncio.get_running_loop().time
        self._consent = Consent(timing, random.random, self._clock())
        self._news = asyncio.Event()

    @property
    def withdrawn(self) -> bool:
        """Whether the peer itself has ended its consent."""
        return self._consent.withdrawn

    def renew(self) -> None:
        """Note that a check has succeeded."""
        self._consent.answered(self._clock())
        self._news.set()

    async def run(self) -> None:
        """Ask and tell until consent has expired."""
        heard = self._heard()
        told = ConsentState.FRESH
        while told is not ConsentState.EXPIRED:
            self._news.clear()
            now = self._clock()
            if heard != (heard := self._heard()):
                self._consent.heard(now)
            state = self._consent.state(now)
            if state is not told:
                told = state
                self._on_state(state)
            if self._consent.due(now):
                self._agent.ask_consent(self._on_answer)
                self._consent.asked(now)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._consent.wake_at(now)):
                    await self._news.wait()

    def _on_answer(self, round_trip_time: float | None) -> None:
        if round_trip_time is None:
            self._consent.revoke()
            self._news.set()
        else:
            self.round_trip_time = round_trip_time
            self.renew()
