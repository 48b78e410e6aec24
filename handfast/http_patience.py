"""HTTP connections that ask for nothing are closed, as each takes the place of somebody else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from typing import Any, Protocol

    class _Uvicorn(Protocol):
        """The protocol of uvicorn, with h11 or with httptools."""

        #: The request that is answered, or was answered last; None before the first.
        cycle: Any


def patient_protocol(seconds: float) -> type[asyncio.Protocol]:
    """Create uvicorn's HTTP protocol with a bound on the time that a request takes to arrive.

    uvicorn itself waits for ever for the end of a request's head (slowloris), and each connection
    that waits is an open file. What has become a WebSocket is none of its business.

    Args:
        seconds: From the connection, or from the answer before, to the end of the head; at most
            twice as long.
    """

    # Which of the two classes it is, uvicorn finds out when it is imported.
    class PatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type] # see above
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self._transport = cast("asyncio.Transport", transport)
            self._loop = asyncio.get_running_loop()
            self._check = self._loop.call_later(seconds, self._close_if_silent, None)

        def connection_lost(self, error: Exception | None) -> None:
            self._check.cancel()
            super().connection_lost(error)

        def _close_if_silent(self, before: object) -> None:
            if self._transport.get_protocol() is not self:
                return
            cycle = cast("_Uvicorn", self).cycle
            waits = cycle is None or cycle.response_complete
            if waits and cycle is before:
                self._transport.close()
            else:
                self._check = self._loop.call_later(seconds, self._close_if_silent, cycle)

    return PatientProtocol
