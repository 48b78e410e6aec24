"""Calls by SIP as the commands make them: answered within a time, hung up at the end."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from handfast.rooms import AddressError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from handfast.sip_address import SipAddress
    from peer import PeerConnection
    from signaling.sip import Call


@asynccontextmanager
async def sip_call(
    address: SipAddress, connection: PeerConnection, *, timeout: float, insecure: bool
) -> AsyncIterator[Call]:
    """Call somebody, for the time of the block.

    Args:
        address: Whom to call, by which server, and as whom.
        connection: The connection for the call's media; closed at the end.
        timeout: Seconds until it has to be answered.
        insecure: Allow a server without TLS on another machine.

    Raises:
        AddressError: The extra for SIP is missing.
        SignalingError: The server or the other end refuses, or cannot be reached.
        TimeoutError: Nobody answered in time.
    """
    try:
        # Whoever calls rooms only needs no extra for SIP.
        from signaling import sip
    except ImportError as error:
        raise AddressError(f"{error}.") from error
    async with (
        connection,
        sip.register(
            address.server,
            address.address,
            address.secret,
            insecure=insecure,
            configuration=connection.getConfiguration(),
        ) as phone,
    ):
        async with asyncio.timeout(timeout):
            call = await phone.invite(address.target, connection)
        async with call:
            yield call
