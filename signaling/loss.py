"""The end of a call whose path is gone, once ICE restarts have had their chance."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from peer import ConnectionState, IceConnectionState

if TYPE_CHECKING:
    from peer import PeerConnection

#: Seconds after a failure in which the Negotiators of both ends may restart ICE (ours): five tries
#: of one end, and a laptop that sleeps no longer than its place in the room is kept.
RECOVERY_TIME: Final = 120.0


class Loss:
    """Waits until a connection has failed for good.

    An ICE failure is not the end while a Negotiator runs, which restarts ICE (RFC 8445 section 9).

    Args:
        connection: The connection.
    """

    def __init__(self, connection: PeerConnection) -> None:
        self._connection = connection
        self._negotiated = True
        self._changed = asyncio.Event()
        connection.on("connectionstatechange", self._changed.set)

    def __repr__(self) -> str:
        kind = "negotiated" if self._negotiated else "left alone"
        return f"<Loss of {self._connection!r}, {kind}>"

    def leave_alone(self) -> None:
        """Note that nobody negotiates any more, so that a failure is final."""
        self._negotiated = False
        self._changed.set()

    async def wait(self) -> None:
        """Return once the connection is closed, or has failed and was not brought back."""
        clock = asyncio.get_running_loop().time
        end: float | None = None
        while True:
            self._changed.clear()
            match self._connection.connectionState:
                case ConnectionState.CLOSED:
                    return
                case ConnectionState.CONNECTED:
                    end = None
                case ConnectionState.FAILED if not self._may_come_back:
                    return
                case ConnectionState.FAILED if end is None:
                    end = clock() + RECOVERY_TIME
                case _:
                    pass
            if end is not None and clock() >= end:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end):
                    await self._changed.wait()

    @property
    def _may_come_back(self) -> bool:
        # An association that has failed fails again on another path.
        failed_by_ice = self._connection.iceConnectionState is IceConnectionState.FAILED
        return self._negotiated and failed_by_ice
