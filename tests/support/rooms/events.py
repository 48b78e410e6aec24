"""The events of a room, waited for by a test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from signaling import RoomMessage
from signaling.room_events import RoomEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from signaling import Room


class Watched:
    """Collects the events of a room.

    Attributes:
        room: The room.
        seen: Name and argument of each event, in order.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self.seen: list[tuple[str, Any]] = []
        self._changed = asyncio.Event()
        for event in RoomEvent:
            room.on(event.value, self._collector(event.value))

    def of(self, event: str) -> list[Any]:
        """The arguments of all events of a name."""
        return [argument for name, argument in self.seen if name == event]

    @property
    def texts(self) -> list[str]:
        """The texts that came."""
        return [each.text for each in self.of("message") if isinstance(each, RoomMessage)]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds, looked at after each event."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def participants(self, count: int) -> None:
        """Wait until so many others are there."""
        await self.until(lambda: len(self.room.participants) == count)

    async def text(self, text: str) -> None:
        """Wait for a text."""
        await self.until(lambda: text in self.texts)

    async def event(self, name: str, count: int = 1) -> Any:
        """Wait for so many events of a name, and return the argument of that one."""
        await self.until(lambda: len(self.of(name)) >= count)
        return self.of(name)[count - 1]

    def _collector(self, name: str) -> Callable[[Any], None]:
        def collect(argument: Any) -> None:
            self.seen.append((name, argument))
            self._changed.set()

        return collect
