"""Keeper of the rooms of one server or of several: its interface, and the one of a process."""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple, Self

from signaling.server.rooms import Rooms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from signaling.errors import ErrorCode
    from signaling.ice_servers import IceServerEntry
    from signaling.messages import Join, Resume
    from signaling.server.limits import Limits
    from signaling.server.rooms import Admitted, ConnectionId, Effects, Refused, Seat
    from signaling.server.statistics import Load


class _Binding(NamedTuple):
    """The bounds, ICE servers and listener that a server gives its backplane."""

    limits: Limits
    ice_servers: Callable[[str], tuple[IceServerEntry, ...]]
    on_effects: Callable[[Effects], None]


class Backplane(ABC):
    """Keeps rooms, their members and what waits for them, for the connections of one server.

    A server binds it once, and then tells it what its connections do. What is to be done at them
    comes back by `on_effects`, during a call or at any later time.
    """

    _binding: _Binding | None = None

    def bind(
        self,
        limits: Limits,
        ice_servers: Callable[[str], tuple[IceServerEntry, ...]],
        on_effects: Callable[[Effects], None],
    ) -> None:
        """Serve one server from now on.

        Args:
            limits: Bounds of the server.
            ice_servers: Names the STUN and TURN servers for a member, by its name.
            on_effects: Takes what is to be done at the server's connections.

        Raises:
            ValueError: Another server has bound it.
        """
        if self._binding is not None:
            raise ValueError("a backplane serves one app: make one for each")
        self._binding = _Binding(limits, ice_servers, on_effects)

    @property
    def _bound(self) -> _Binding:
        assert self._binding is not None, "bind it to a server first"
        return self._binding

    @property
    @abstractmethod
    def ready(self) -> bool:
        """True while members can join."""

    def load(self) -> Load | None:
        """Tell what is kept at present; None where this end does not know."""
        return None

    @abstractmethod
    async def seat(self, message: Join | Resume) -> Seat | Refused:
        """Return the room and the name that a first message is about."""

    @abstractmethod
    async def admit(
        self, message: Join | Resume, *, name: str | None = None, ends_at: float | None = None
    ) -> Admitted | Refused:
        """Process the first message of a connection, as `Rooms.admit` does."""

    @abstractmethod
    def receive(self, connection_id: ConnectionId, frame: str | bytes) -> Awaitable[None] | None:
        """Process a later frame of a connection; None once it is kept, else what to wait for."""

    @abstractmethod
    def take(self, connection_id: ConnectionId) -> str | None:
        """Return the next frame to send on this connection that is here, or None."""

    def more(self, connection_id: ConnectionId) -> bool:
        """Tell whether there may be frames to `fetch`, before the next `Wake`."""
        return False

    async def fetch(self, connection_id: ConnectionId) -> bool:
        """Bring frames that are kept elsewhere; returns whether there were any."""
        return False

    @abstractmethod
    def disconnect(self, connection_id: ConnectionId, *, left: bool) -> None:
        """Process the loss of a connection, whose member may have meant to leave."""

    @abstractmethod
    def expel(self, connection_id: ConnectionId, code: ErrorCode, reason: str) -> None:
        """Remove a member for a fault or for silence on its connection."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(  # noqa: B027 - most keep nothing that has to be closed
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close what it keeps open; members of resumable sessions may return elsewhere."""


class InProcessBackplane(Backplane):
    """Keeps the rooms in this process: one server, whose members are gone when it restarts."""

    def __init__(self) -> None:
        self._kept: Rooms | None = None
        self._expiry: asyncio.TimerHandle | None = None

    def bind(
        self,
        limits: Limits,
        ice_servers: Callable[[str], tuple[IceServerEntry, ...]],
        on_effects: Callable[[Effects], None],
    ) -> None:
        super().bind(limits, ice_servers, on_effects)
        self._kept = Rooms(
            limits,
            new_name=lambda: secrets.token_hex(4),
            new_secret=secrets.token_urlsafe,
            ice_servers=ice_servers,
        )

    @property
    def ready(self) -> bool:
        return True

    def load(self) -> Load:
        return self._rooms.load()

    @property
    def _rooms(self) -> Rooms:
        assert self._kept is not None
        return self._kept

    async def seat(self, message: Join | Resume) -> Seat | Refused:
        return self._rooms.seat(message)

    async def admit(
        self, message: Join | Resume, *, name: str | None = None, ends_at: float | None = None
    ) -> Admitted | Refused:
        outcome, effects = self._rooms.admit(message, name=name, ends_at=ends_at)
        self._apply(effects)
        self._expire_in_time()
        return outcome

    def receive(self, connection_id: ConnectionId, frame: str | bytes) -> None:
        self._apply(self._rooms.receive(connection_id, frame))

    def take(self, connection_id: ConnectionId) -> str | None:
        return self._rooms.take(connection_id)

    def disconnect(self, connection_id: ConnectionId, *, left: bool) -> None:
        now = asyncio.get_running_loop().time()
        self._apply(self._rooms.disconnect(connection_id, left=left, now=now))
        self._expire_in_time()

    def expel(self, connection_id: ConnectionId, code: ErrorCode, reason: str) -> None:
        self._apply(self._rooms.expel(connection_id, code, reason))

    def _apply(self, effects: Effects) -> None:
        self._bound.on_effects(effects)

    def _expire_in_time(self) -> None:
        # A timer and no task: a mounted app has no lifespan at whose end a task could be ended.
        if self._expiry is not None:
            self._expiry.cancel()
        deadline = self._rooms.next_deadline()
        loop = asyncio.get_running_loop()
        self._expiry = None if deadline is None else loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        self._apply(self._rooms.expire(asyncio.get_running_loop().time()))
        self._expire_in_time()
