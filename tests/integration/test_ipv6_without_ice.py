"""A peer without ICE that describes an IPv6 address is answered with one (RFC 6157)."""

from __future__ import annotations

import re

import pytest
from aiortc.mediastreams import AudioStreamTrack

from peer import PeerConnection, SdpType, SessionDescription
from tests.support.negotiation.connections import gathered, loopback, within
from tests.support.network.free_ports import free_port


@pytest.mark.parametrize("address", ["::1", "127.0.0.1"])
async def test_answer_to_a_peer_without_ice_has_an_address_of_its_ip_version(address: str) -> None:
    version = "IP6" if ":" in address else "IP4"
    lines = [
        "v=0",
        f"o=phone 1 1 IN {version} {address}",
        "s=-",
        f"c=IN {version} {address}",
        "t=0 0",
        f"m=audio {free_port()} RTP/AVP 0",
        "",
    ]
    configuration = loopback(
        interfaces=("127.0.0.1", "::1"),
        ice="optional",
        rtcp_mux="negotiate",
        best_effort="plain-rtp",
    )
    async with PeerConnection(configuration) as pc:
        pc.addTrack(AudioStreamTrack())
        await pc.setRemoteDescription(SessionDescription("\r\n".join(lines), SdpType.OFFER))
        answer = (await gathered(pc)).sdp
        assert re.findall(r"c=IN (\S+) (\S+)", answer) == [(version, address)]
        assert re.findall(r"a=rtcp:\d+ IN (\S+) (\S+)", answer) == [(version, address)]
        await within(pc.connected())
        (transport,) = pc.security.transports
        assert transport.selected_pair is not None
        local, _ = transport.selected_pair
        assert local.address == address
        assert f"m=audio {local.port} " in answer
