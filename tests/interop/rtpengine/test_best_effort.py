"""OSRTP (RFC 8643) through rtpengine, which stands between an end with keys and one without any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer import BestEffort, MediaEncryption, PeerConfiguration, PeerConnection
from tests.support.peers.rtpengine import Value, rtpengine
from tests.support.peers.rtpengine_calls import sound_through

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("rtpengine"),
    pytest.mark.xdist_group("peer-rtpengine"),
    pytest.mark.conformance("6.11-best-effort", peers=("rtpengine",)),
]

#: Of either leg: our ends speak ICE and have one port for RTP and RTCP, whatever protects both.
_LEG: dict[str, Value] = {
    "ICE": "force",
    "rtcp-mux": ["require"],
    "flags": ["generate-mid"],
    "SDES": ["off"],
}
#: What makes plain RTP of an offer, and takes OSRTP of the caller all the same.
_PLAIN: dict[str, Value] = {
    **_LEG,
    "transport-protocol": "RTP/AVP",
    "DTLS": "off",
    "OSRTP": ["accept"],
}


async def test_rtpengine_encrypts_the_leg_of_an_osrtp_offer_towards_an_end_without_keys(
    tmp_path: Path,
) -> None:
    configuration = PeerConfiguration(best_effort=BestEffort.PLAIN_RTP)
    async with (
        rtpengine(tmp_path) as proxy,
        PeerConnection(configuration) as caller,
        PeerConnection(configuration) as callee,
    ):
        offer = await sound_through(
            proxy, caller, callee, to_callee=_PLAIN, to_caller={**_LEG, "OSRTP": ["accept"]}
        )
        assert "fingerprint" not in offer
        legs = [pc.security.transports[0].encryption for pc in (caller, callee)]
        assert legs == [MediaEncryption.DTLS_SRTP, MediaEncryption.NONE]
        assert caller.security.verified
