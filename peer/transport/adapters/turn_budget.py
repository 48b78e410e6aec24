"""Counts work in a turn of the event loop, so that one connection holds no other up."""

from __future__ import annotations

import asyncio


class TurnBudget:
    """Steps of work that one turn of the event loop may still do.

    Args:
        steps: How many a turn may do, as a rule: the last piece of work may go beyond.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._spent = 0

    def __repr__(self) -> str:
        return f"<TurnBudget {self._spent} of {self._steps} steps>"

    @property
    def exhausted(self) -> bool:
        """True where what remains is for the next turn."""
        return self._spent >= self._steps

    def spend(self, steps: int = 1) -> None:
        """Note steps that are done in this turn."""
        if not self._spent:
            asyncio.get_running_loop().call_soon(self._begin)
        self._spent += steps

    async def available(self) -> None:
        """Wait for the next turn, where this one has done its part."""
        if self.exhausted:
            await asyncio.sleep(0)

    def _begin(self) -> None:
        self._spent = 0
