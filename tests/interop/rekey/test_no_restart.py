"""RFC 8445 section 9 with a stack that takes an ICE restart for an ordinary offer."""

from __future__ import annotations

import pytest

from tests.support.peers.marks import peer_parameters
from tests.support.peers.negotiated_session import negotiated_session
from tests.support.peers.rekeys import offer, restart
from tests.support.peers.third_party import ThirdParty


@pytest.mark.conformance("6.7.1-restart", peers=(ThirdParty.WEBRTCBIN.value,))
@pytest.mark.parametrize("name", peer_parameters([ThirdParty.WEBRTCBIN]))
async def test_refused_ice_restart_loses_nothing_and_keeps_the_old_ufrags(name: ThirdParty) -> None:
    async with negotiated_session(name) as session:
        opening = await session.open()
        asked, after = await restart(session, by_peer=False), await offer(session)
    assert asked.exchange.ufrags[0] != opening.ufrags[0]
    assert after.exchange.ufrags == opening.ufrags
    reports = asked.report, after.report
    assert [(each.peer_lost, each.our_lost) for each in reports] == [(0, 0)] * 2
    assert (asked.echoed, after.echoed, after.handshakes) == (True, True, 1)
