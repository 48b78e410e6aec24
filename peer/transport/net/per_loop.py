"""Sockets that connections of one event loop share, by their local addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import socket

_T = TypeVar("_T")
#: Address to bind, as the socket family has it, with the port.
_Name: TypeAlias = tuple[Any, ...]


class PerLoop(Generic[_T]):
    """Keeps the owner of a socket at each local address, for each event loop.

    Args:
        make: Makes the owner of a socket, which calls the second argument when it is closed.
    """

    def __init__(self, make: Callable[[socket.socket, Callable[[], None]], _T]) -> None:
        self._make = make
        self._owners: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Name, _T]] = (
            WeakKeyDictionary()
        )

    def __len__(self) -> int:
        """Count the owners of the running loop."""
        return len(self._owners.get(asyncio.get_running_loop(), ()))

    def at(self, address: _Name, bind: Callable[[], socket.socket]) -> _T:
        """Return the owner at a local address; make it if there is none yet.

        Args:
            address: Address to bind, as the socket family has it, with the port.
            bind: Makes the socket.

        Raises:
            OSError: From `bind`.
            NotImplementedError: The event loop cannot watch sockets; nothing stays open.
        """
        owners = self._owners.setdefault(asyncio.get_running_loop(), {})
        found = owners.get(address)
        if found is None:
            owners[address] = found = owner_of(
                bind(), lambda sock: self._make(sock, lambda: owners.__delitem__(address))
            )
        return found


def owner_of(sock: socket.socket, make: Callable[[socket.socket], _T]) -> _T:
    """Make what owns a socket from now on; the socket is closed where that fails."""
    try:
        return make(sock)
    except BaseException:
        sock.close()
        raise
