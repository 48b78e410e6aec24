"""ICE restarts of a connection that has failed, with a growing delay between them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final, Protocol

from peer.states import IceConnectionState, SignalingState
from signaling.errors import NegotiationError

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger(__name__)

#: Seconds from the failure to the first restart; doubled with each restart that failed (ours).
_FIRST_DELAY: Final = 1.0
#: Most seconds from a failure to the next restart (ours).
_MAX_DELAY: Final = 60.0
#: Seconds that the polite peer waits beyond that, for the offer of the impolite one (ours).
_POLITE_DELAY: Final = 4.0
#: Seconds that the checks of a restart may take before the next one (ours): a path that works is
#: found in one or two.
_ATTEMPT: Final = 10.0
#: Restarts in a row that failed, before the connection is given up (ours).
MAX_RESTARTS: Final = 10

_GONE: Final = frozenset({IceConnectionState.DISCONNECTED, IceConnectionState.FAILED})
_CONNECTED: Final = frozenset({IceConnectionState.CONNECTED, IceConnectionState.COMPLETED})


class Restartable(Protocol):
    """The part of a PeerConnection that an IceRecovery drives."""

    @property
    def signalingState(self) -> SignalingState: ...
    @property
    def iceConnectionState(self) -> IceConnectionState: ...
    def restartIce(self) -> None: ...


class IceRecovery:
    """Restarts ICE when it has failed: both ends slept, or the network was away (RFC 8445 9).

    The first restart follows a failure after one second, and the delay doubles with each one that
    fails, up to a minute. One that has found no path after ten seconds is followed by the next. The
    polite peer waits longer, so that where both have noticed only the impolite one offers. After
    ten failures in a row the connection is left alone, until ICE connects by other means.

    Args:
        pc: Connection, whose owner calls `on_state` after each change of its states.
        polite: As of the Negotiator.
        on_given_up: Called with the error after the last restart has failed.
    """

    def __init__(
        self, pc: Restartable, *, polite: bool, on_given_up: Callable[[NegotiationError], None]
    ) -> None:
        self._pc = pc
        self._polite = polite
        self._on_given_up = on_given_up
        self._changed = asyncio.Event()
        self._restarts = 0

    def __repr__(self) -> str:
        return f"<IceRecovery {self._pc.iceConnectionState} restarts={self._restarts}>"

    @property
    def is_path_gone(self) -> bool:
        """True while ICE has lost the path that it had, or has failed to find one."""
        return self._pc.iceConnectionState in _GONE

    def on_state(self) -> None:
        """Note that a state of the connection has changed."""
        if self._pc.iceConnectionState in _CONNECTED:
            self._restarts = 0
        self._changed.set()

    async def run(self) -> None:
        """Restart ICE after each failure, until cancelled."""
        while True:
            await self._until(lambda: self._failed)
            if self._restarts >= MAX_RESTARTS:
                self._on_given_up(
                    NegotiationError(f"ICE has failed after {MAX_RESTARTS} restarts in a row")
                )
                await self._until(lambda: not self._failed)
                continue
            await asyncio.sleep(self._delay)
            # In the middle of an exchange: it may be the restart of the other end.
            await self._until(self._is_stable)
            if not self._failed:
                continue
            self._restarts += 1
            _logger.info("negotiation: ICE has failed, restart %d", self._restarts)
            self._pc.restartIce()
            # An answer that does not come is waited for: the other end may sleep.
            await self._until(lambda: not self._failed)
            await self._path_or_failure()

    async def _path_or_failure(self) -> None:
        """Wait until the restart has led to a path or failed, and restart again where it does not.

        The network may have come back while it was under way, at addresses that it knows nothing
        of, and ICE waits for 39.5 s (RFC 8863).
        """
        while self._is_checking:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ATTEMPT):
                    await self._until(lambda: not self._is_checking)
                return
            if self._restarts >= MAX_RESTARTS:
                return
            await self._until(self._is_stable)
            if self._is_checking:
                self._restarts += 1
                _logger.info("negotiation: no path in %g s, restart %d", _ATTEMPT, self._restarts)
                self._pc.restartIce()

    @property
    def _is_checking(self) -> bool:
        return self._pc.iceConnectionState is IceConnectionState.CHECKING

    @property
    def _failed(self) -> bool:
        return self._pc.iceConnectionState is IceConnectionState.FAILED

    @property
    def _delay(self) -> float:
        delay = min(_FIRST_DELAY * 2.0**self._restarts, _MAX_DELAY)
        return delay + _POLITE_DELAY if self._polite else delay

    def _is_stable(self) -> bool:
        return self._pc.signalingState is SignalingState.STABLE

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()
