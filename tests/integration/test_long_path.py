"""Set-up of a connection over a path with a long round trip, in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from peer.transport.wire.demux import DatagramClass, classify
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.udp_relay import negotiate_over, udp_relay
from tests.support.negotiation.connections import both_connected, opened, pair, within

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds that a datagram takes from one end to the other.
DELAY = 0.1
#: Content type of a handshake in clear, and of a ChangeCipherSpec (RFC 5246 section 6.2.1).
IN_CLEAR = (22, 20)


def handshakes_in(sent: list[bytes]) -> Callable[[bytes], bool]:
    def note(datagram: bytes) -> bool:
        if classify(datagram) is DatagramClass.DTLS and datagram[0] in IN_CLEAR:
            sent.append(datagram)
        return True

    return note


@in_virtual_time
async def test_dtls_sends_no_flight_twice_over_a_path_of_200_ms() -> None:
    sent: list[bytes] = []
    with udp_relay() as relay:
        relay.delay = DELAY
        relay.passes = handshakes_in(sent)
        async with pair() as (one, other):
            channel = one.createDataChannel("chat")
            negotiating = asyncio.create_task(negotiate_over(relay, one, other))
            await within(both_connected(one, other))
            await within(opened(channel))
            await negotiating
    assert len(sent) >= 4
    assert len(sent) == len(set(sent))
