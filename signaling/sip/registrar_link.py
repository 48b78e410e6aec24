"""The registration of a phone: waits for its first answer, and ends with one that is final."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from typing import TYPE_CHECKING

from signaling.sip.errors import RegistrationRefused
from signaling.sip.registration import Registered, RegistrationFailed, Unregistered

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipmessage import URI

    from signaling.sip.registration import Registration
    from signaling.sip.user_agent import AgentEvent, UserAgent

_logger = logging.getLogger(__name__)


class RegistrarLink:
    """Registration of a phone.

    Args:
        agent: The user agent.
        registrar: Request-URI, such as `sip:example.org`.
        expires: Seconds that the registration is to last.
        flush: Sends what the user agent has to send.
    """

    def __init__(
        self, agent: UserAgent, registrar: URI, *, expires: int, flush: Callable[[], None]
    ) -> None:
        self._agent = agent
        self._registrar = registrar
        self._expires = expires
        self._flush = flush
        self._registration: Registration | None = None
        self._first = asyncio.Event()
        self._is_removed = asyncio.Event()
        self._refusal: asyncio.Future[RegistrationRefused] = (
            asyncio.get_running_loop().create_future()
        )

    def begin(self) -> Registration:
        """Register, and return the teller of the events that are for `note`."""
        self._registration = self._agent.register(self._registrar, expires=self._expires)
        return self._registration

    async def registered(self) -> None:
        """Wait until the registrar has answered.

        Raises:
            RegistrationRefused: It does not take us, or cannot be reached.
        """
        await self._first.wait()
        if self._refusal.done():
            raise self._refusal.result()

    async def run(self) -> None:
        """Keep the registration until it is refused for good.

        Raises:
            RegistrationRefused: The registrar takes us no more.
        """
        raise await asyncio.shield(self._refusal)

    def renew(self) -> None:
        """Register again, as after a new connection to the server."""
        if self._registration is not None:
            self._registration.start()

    async def remove(self) -> None:
        """Take back the registration, and wait until the registrar has answered."""
        if self._registration is not None and not self._refusal.done():
            self._registration.stop()
            self._flush()
            await self._is_removed.wait()

    def note(self, _: Hashable, event: AgentEvent) -> None:
        """Take an event of the registration."""
        match event:
            case Registered(expires=expires):
                _logger.debug("SIP: registered for %d s", expires)
                assert self._registration is not None
                # RFC 3608 section 6.1: requests to come take the way that the registrar names.
                self._agent.route = self._registration.service_route
                self._first.set()
            case RegistrationFailed(status=status, reason=reason, retry_in=wait):
                _logger.warning("SIP: the registration failed: %d %s", status, reason)
                is_first = not self._first.is_set()
                if (is_first or wait is None) and not self._refusal.done():
                    self._refusal.set_result(RegistrationRefused(status, reason))
                self._first.set()
            case Unregistered():
                self._is_removed.set()
            case _:
                pass
