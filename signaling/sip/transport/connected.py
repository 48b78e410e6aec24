"""A SIP transport over one connection at a time, which is opened again when it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from signaling.sip.errors import SipMessageError, SipTransportError
from signaling.sip.parsing import parse_message, write_message
from signaling.sip.transport.events import (
    SipMessageReceived,
    SipMessageRefused,
    SipTransportLost,
    SipTransportRestored,
)
from signaling.sip.transport.interface import MAX_EVENTS, SipTransport
from signaling.sip.transport.queue import TransportQueue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterator

    from sipmessage import URI, Request, Response, Via

    from signaling.backoff import Reconnect
    from signaling.sip.transport.urls import SipServer
    from signaling.sip.transport.wire import SipWire

_logger = logging.getLogger(__name__)

#: Seconds that a connection lasts at least for its end not to count as a refusal (ours): a server
#: that ends each connection at once is asked ever more seldom.
_STEADY: Final = 10.0


class ConnectedTransport(SipTransport):
    """SIP over a WebSocket, TCP or TLS; made by `open_transport`.

    Args:
        server: The server.
        wire: The first connection.
        dial: Opens another one.
        reconnect: Reconnection policy; None never reconnects.
    """

    def __init__(
        self,
        server: SipServer,
        wire: SipWire,
        *,
        dial: Callable[[], Awaitable[SipWire]],
        reconnect: Reconnect | None,
    ) -> None:
        self.url = server.url
        self.reliable = True
        self.secure = server.kind.secure
        self._wire: SipWire | None = wire
        self._via, self._contact = wire.via, wire.contact
        self._dial = dial
        self._reconnect = reconnect
        self._queue = TransportQueue(MAX_EVENTS)
        self._running = asyncio.create_task(self._run(wire), name=f"SIP over {self.url}")

    @property
    def via(self) -> Via:
        return self._via

    @property
    def contact(self) -> URI:
        return self._contact

    async def send(self, message: Request | Response, flow: Hashable = None) -> None:
        data = write_message(message)
        if self._wire is None:
            raise SipTransportError(f"there is no connection to {self.url} now")
        await self._wire.send(data)

    async def close(self) -> None:
        self._queue.end(f"the transport to {self.url} is closed")
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        if self._wire is not None:
            wire, self._wire = self._wire, None
            await wire.close()

    async def _run(self, wire: SipWire) -> None:
        loop = asyncio.get_running_loop()
        delays: Iterator[float] | None = None
        while True:
            opened = loop.time()
            reason = await self._serve(wire)
            self._wire = None
            await wire.close()
            lost = loop.time()
            if self._reconnect is None:
                self._queue.end(reason)
                return
            _logger.info("%s is lost: %s", self.url, reason)
            self._queue.tell(SipTransportLost(reason))
            if delays is None or lost - opened >= _STEADY:
                delays = self._reconnect.delays()
            again = await self._open_again(self._reconnect, delays, lost)
            if again is None:
                self._queue.end(f"{reason}; no connection for {self._reconnect.timeout} s")
                return
            self._wire = wire = again
            self._via, self._contact = wire.via, wire.contact
            seconds = loop.time() - lost
            _logger.info("%s is back after %.1f s", self.url, seconds)
            self._queue.tell(SipTransportRestored(seconds))

    async def _serve(self, wire: SipWire) -> str:
        """Take what comes until the connection breaks; return the reason."""
        try:
            async with contextlib.aclosing(wire.receive()) as messages:
                async for data in messages:
                    await self._take(data)
        except SipTransportError as error:
            return str(error)
        except SipMessageError as error:
            await self._queue.put(SipMessageRefused(error, None))
            return f"what came is no SIP: {error.reason}"
        return "the connection ended"

    async def _take(self, data: bytes) -> None:
        try:
            message = parse_message(data)
        except SipMessageError as error:
            _logger.debug("%s sent what is no SIP message: %s", self.url, error.reason)
            await self._queue.put(SipMessageRefused(error, None))
        else:
            await self._queue.put(SipMessageReceived(message, None))

    async def _open_again(
        self, policy: Reconnect, delays: Iterator[float], lost: float
    ) -> SipWire | None:
        loop = asyncio.get_running_loop()
        for delay in delays:
            await asyncio.sleep(min(delay, max(0.0, lost + policy.timeout - loop.time())))
            if loop.time() - lost >= policy.timeout:
                return None
            try:
                async with asyncio.timeout(policy.attempt_timeout):
                    return await self._dial()
            except SipTransportError as error:
                _logger.debug("%s is not back yet: %s", self.url, error)
            except TimeoutError:
                _logger.debug("%s is not back yet: it does not answer", self.url)
        return None
