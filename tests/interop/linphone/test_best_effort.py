"""Best effort with linphone, with and without media encryption, in either role."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer import BestEffort, IcePolicy, MediaEncryption, PeerConfiguration, RtcpMuxPolicy
from tests.support.negotiation.connections import within
from tests.support.peers.linphone import Phone, until_told
from tests.support.peers.phone_calls import PhoneCall

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("linphone"),
    pytest.mark.xdist_group("peer-linphone"),
    pytest.mark.conformance("6.11-best-effort", peers=("linphone",)),
]


_BEST_EFFORT = PeerConfiguration(best_effort=BestEffort.PLAIN_RTP)
#: By the `firewall_policy` of the phone, which without ICE describes the loopback where it is
#: called: plain RTP is taken from the described address alone.
_CONFIGURATIONS = {
    "ice": _BEST_EFFORT,
    "none": replace(
        _BEST_EFFORT,
        ice=IcePolicy.OPTIONAL,
        rtcp_mux=RtcpMuxPolicy.NEGOTIATE,
        interfaces=("127.0.0.1",),
    ),
}


@pytest.mark.parametrize(
    ("encryption", "policy", "phone_calls", "agreed"),
    [
        pytest.param("none", "ice", False, MediaEncryption.NONE, id="plain, called"),
        pytest.param("none", "ice", True, MediaEncryption.NONE, id="plain, calling"),
        pytest.param("none", "none", False, MediaEncryption.NONE, id="plain without ICE, called"),
        pytest.param(
            *("none", "none", True, MediaEncryption.NONE),
            id="plain without ICE, calling",
            marks=pytest.mark.long,
        ),
        # It does not know OSRTP: to RTP/AVP it answers without keys, whatever it could do.
        pytest.param("dtls", "ice", False, MediaEncryption.NONE, id="DTLS, called"),
        pytest.param("dtls", "ice", True, MediaEncryption.DTLS_SRTP, id="DTLS, calling"),
    ],
)
async def test_linphone_is_encrypted_where_it_shows_keys_and_in_clear_where_it_shows_none(
    tmp_path: Path, encryption: str, policy: str, agreed: MediaEncryption, *, phone_calls: bool
) -> None:
    async def tell(phone: Phone) -> None:
        configuration = _CONFIGURATIONS[policy]
        if phone_calls:
            # It describes the address of an interface, by IPv6 where there is any.
            configuration = replace(configuration, interfaces=None)
        call = PhoneCall(phone, configuration)
        async with call.pc:
            if phone_calls:
                await phone.dial()
                await call.answer()
            else:
                await call.offer()
            await phone.state("StreamsRunning")
            await within(call.pc.connected())
            await phone.speak()
            await call.flow(kinds=["audio"])
            await call.heard(kinds=["audio"])
            assert {each.encryption for each in call.pc.security.transports} == {agreed}

    await until_told(tmp_path, tell, encryption=encryption, policy=policy)
