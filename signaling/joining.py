"""The result of `signaling.join`: to be awaited, or entered as a block that leaves the room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from types import TracebackType

    from signaling.room import Room


class Joining:
    """An entry to a room: `async with join(...) as room`, or `room = await join(...)`.

    Args:
        enter: Joins the room; called once.
    """

    def __init__(self, enter: Callable[[], Coroutine[Any, Any, Room]]) -> None:
        self._enter = enter
        self._room: Room | None = None

    def __repr__(self) -> str:
        return f"<Joining {self._room!r}>"

    def __await__(self) -> Generator[Any, None, Room]:
        return self._enter().__await__()

    async def __aenter__(self) -> Room:
        self._room = await self._enter()
        return self._room

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._room is not None:
            await self._room.close()
