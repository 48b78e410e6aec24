"""What tests of SIP transports share: the next event of one, within the deadline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from signaling.sip.transport.interface import SipTransport

_Event = TypeVar("_Event")


async def next_event(transport: SipTransport, kind: type[_Event]) -> _Event:
    """Wait for the next event, which is of this kind."""
    async with asyncio.timeout(DEADLINE):
        event = await transport.receive()
    assert isinstance(event, kind), event
    return event
