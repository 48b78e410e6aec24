"""A phone whose server goes away: calls go on, and the other ends hear where it is then."""

from __future__ import annotations

import pytest

from peer import ConnectionState
from signaling.sip.errors import SipTransportError
from signaling.sip.transport.events import SipTransportLost, SipTransportRestored
from tests.support.negotiation.connections import until, within
from tests.support.peers.sip_phones import two_phones


async def test_call_outlives_its_server_and_tells_the_new_address() -> None:
    told: list[object] = []
    async with two_phones() as (caller, called):
        call, other = await caller.call(called)
        await within(other.established())
        caller.phone.on("away", told.append)
        caller.phone.on("back", told.append)
        caller.link.tell(SipTransportLost("the WebSocket broke"))
        caller.link.host = "moved.invalid"
        caller.link.tell(SipTransportRestored(1.5))
        await until(lambda: other.session.dialog.remote_target.host == "moved.invalid")
        assert told == ["the WebSocket broke", 1.5]
        assert call.connection is not None
        await within(call.connection.connected())
        # Requests of the other end find it there.
        await within(other.hangup())
        await within(call.ended())


async def test_phone_whose_server_is_lost_for_good_says_so() -> None:
    async with two_phones() as (caller, called):
        call, _ = await caller.call(called)
        assert call.connection is not None
        await within(call.connection.connected())
        await called.link.close()
        with pytest.raises(SipTransportError):
            await within(called.phone.closed())
        with pytest.raises(SipTransportError):
            await within(anext(called.phone.calls()))
        # Media needs no server.
        assert call.connection.connectionState is ConnectionState.CONNECTED
