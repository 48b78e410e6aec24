"""Calls of linphone without ICE."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer import IcePolicy, PeerConfiguration, RtcpMuxPolicy
from tests.support.negotiation.connections import within
from tests.support.peers.linphone import Phone, until_told
from tests.support.peers.phone_calls import PhoneCall

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("linphone"),
    pytest.mark.xdist_group("peer-linphone"),
    pytest.mark.conformance("6.7.2-latching", peers=("linphone",)),
]

#: The phone describes the loopback.
_WITHOUT_ICE = PeerConfiguration(
    ice=IcePolicy.OPTIONAL, rtcp_mux=RtcpMuxPolicy.NEGOTIATE, interfaces=("127.0.0.1",)
)


async def test_linphone_without_ice_is_called_and_talks(tmp_path: Path) -> None:
    # Calling without ICE it describes an address that it does not send from.
    async def tell(phone: Phone) -> None:
        call = PhoneCall(phone, _WITHOUT_ICE)
        async with call.pc:
            await call.offer()
            await phone.state("StreamsRunning")
            await within(call.pc.connected())
            await phone.speak()
            await call.flow(kinds=["audio"])
            await call.heard(kinds=["audio"])
            assert not any(transport.uses_ice for transport in call.pc.security.transports)
            assert call.pc.security.verified

    await until_told(tmp_path, tell, policy="none")
