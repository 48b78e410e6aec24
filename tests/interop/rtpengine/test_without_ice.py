"""Through rtpengine, which takes ICE and rtcp-mux away from one leg, as in front of old phones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer import AnswerRole, PeerConnection
from tests.support.negotiation.connections import loopback
from tests.support.peers.rtpengine import TOWARDS_US, Value, rtpengine
from tests.support.peers.rtpengine_calls import sound_through

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("rtpengine"),
    pytest.mark.xdist_group("peer-rtpengine"),
    pytest.mark.conformance("6.7.2-latching", peers=("rtpengine",)),
]

#: Towards the end without ICE: RTCP has a port of its own.
_WITHOUT: dict[str, Value] = {
    **TOWARDS_US,
    "ICE": "remove",
    "rtcp-mux": ["demux"],
}


@pytest.mark.parametrize("role", AnswerRole)
async def test_rtpengine_joins_an_end_with_ice_and_one_without(
    tmp_path: Path, role: AnswerRole
) -> None:
    old = loopback(ice="optional", rtcp_mux="negotiate", answer_role=role)
    async with (
        rtpengine(tmp_path) as proxy,
        PeerConnection(loopback()) as caller,
        PeerConnection(old) as callee,
    ):
        offer = await sound_through(proxy, caller, callee, to_callee=_WITHOUT)
        assert "a=ice-ufrag" not in offer
        assert "a=rtcp-mux" not in offer
        assert [pc.security.transports[0].uses_ice for pc in (caller, callee)] == [True, False]
        assert callee.security.verified
