"""Owns what happens in the room of a soak: who comes and goes, which links suffer, keys change."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from benchmarks.loss_link import Impairment
from tests.soak.gauges import Memory
from tests.soak.room import USUAL

if TYPE_CHECKING:
    from tests.soak.room import Room
    from tests.soak.takes import Takes

#: Seconds between two things that happen.
BEAT = 2.0
TROUBLES = (
    Impairment(loss=0.15, jitter=0.02),
    Impairment(loss=0.05, reordered=0.1, jitter=0.04),
    Impairment(down=1.0),
)
#: Seconds that somebody is away.
AWAY = 3.0
_LAG_INTERVAL = 0.05


@dataclass(slots=True)
class Account:
    """What happened.

    Args:
        rekeys: Changes of keys.
        departures: That somebody went, and came again.
        troubles: That a link was worse than usual.
        lag: Seconds that the loop was late at most: whoever is measured in real time says so.
        memory: Measured when all were there, most lately somebody who had not just come.
    """

    rekeys: int = 0
    departures: int = 0
    troubles: int = 0
    lag: float = 0.0
    memory: list[Memory] = field(default_factory=list)


class Script:
    """Goes on by beats, one thing after the other.

    Args:
        room: Where it happens.
        takes: Its recordings.
        seed: Of what chance does.
    """

    def __init__(self, room: Room, takes: Takes, seed: int) -> None:
        self.account = Account()
        self._room = room
        self._takes = takes
        self._chance = random.Random(seed)

    async def run(self, seconds: float) -> None:
        """Everybody comes, things happen for so long, everybody goes."""
        watch = asyncio.create_task(self._watch())
        start = time.monotonic()
        for name in self._room.names:
            await self._room.join(name)
        await self._takes.refresh()
        for beat in count():
            due = start + beat * BEAT
            if due > start + seconds:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._happen(beat, time.monotonic() - start)
        await self._takes.close()
        for name in self._room.names:
            await self._room.leave(name)
        watch.cancel()
        await asyncio.wait([watch])

    async def _happen(self, beat: int, at: float) -> None:
        match beat % 3:
            case 0:
                self.account.memory.append(Memory.now(at))
                names = self._room.names
                await self._takes.begin(names[beat // 3 % len(names)])
            case 1:
                await self._room.rekey(self._chance.choice(self._room.pairs))
                self.account.rekeys += 1
            case _ if beat % 2:
                await self._come_and_go(self._chance.choice(self._room.names))
            case _:
                await self._trouble(self._chance.choice(self._room.pairs))

    async def _come_and_go(self, name: str) -> None:
        await self._takes.leaving(name)
        await self._room.leave(name)
        await self._takes.refresh()
        await asyncio.sleep(AWAY)
        await self._room.join(name)
        self._takes.joined(name)
        await self._takes.refresh()
        self.account.departures += 1

    async def _trouble(self, pair: tuple[str, str]) -> None:
        self._room.impair(pair, self._chance.choice(TROUBLES))
        await asyncio.sleep(BEAT)
        self._room.impair(pair, USUAL)
        self.account.troubles += 1

    async def _watch(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_LAG_INTERVAL)
            late = time.monotonic() - before - _LAG_INTERVAL
            self.account.lag = max(self.account.lag, late)
