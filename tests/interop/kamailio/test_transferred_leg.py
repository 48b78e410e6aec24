"""A call whose far leg a switch moves to another phone, behind Kamailio and rtpengine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from peer import PeerConfiguration
from peer.tracing.events import Described, HandshakeCompleted, StateChanged
from signaling import sip
from tests.support.negotiation.connection_media import receives_more
from tests.support.negotiation.connections import within
from tests.support.peers.baresip import MediaMode, registered_baresip
from tests.support.peers.kamailio import kamailio
from tests.support.peers.rtpengine import rtpengine
from tests.support.peers.sip_phones import sounding
from tests.support.peers.switch import switch
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from pathlib import Path

    from peer import PeerConnection

pytestmark = [
    pytest.mark.needs("kamailio", "rtpengine", "sippy", "baresip"),
    pytest.mark.xdist_group("peer-kamailio"),
]

USERS = {"bot": "secret-of-the-bot", "switch": "secret-of-it", "phone": "one", "colleague": "two"}


async def test_call_moved_to_another_phone_is_followed_under_the_same_association(
    tmp_path: Path,
) -> None:
    for name in ("phone", "colleague"):
        (tmp_path / name).mkdir()
    async with (
        rtpengine(tmp_path) as media,
        kamailio(tmp_path, users=USERS, rtpengine_port=media.port) as proxy,
        sip.register(proxy.ws, proxy.aor("bot"), USERS["bot"]) as bot,
        registered_baresip(
            tmp_path / "phone", proxy, user="phone", secret="one", media=MediaMode.PLAIN
        ) as phone,
        registered_baresip(
            tmp_path / "colleague", proxy, user="colleague", secret="two", media=MediaMode.PLAIN
        ) as colleague,
        switch(tmp_path, proxy, user="switch", secret=USERS["switch"], target="phone") as transfers,
    ):
        trace = Sink()
        connection = sounding(PeerConfiguration(trace=trace))
        async with await within(bot.invite(proxy.aor("switch"), connection)) as call:
            await receives_more(connection)
            shown = fingerprints_in(connection)
            descriptions = len(trace.all(Described))
            await phone.command("transfer", proxy.aor("colleague"))
            await transfers.says("moved")
            await colleague.logs("incoming rtp for 'audio' established")
            # Its re-INVITE and our answer. The first phone has hung up by now.
            await trace.heard(Described, count=descriptions + 2)
            await receives_more(connection)
            assert call.ending is None
            assert connection.security.verified
            assert fingerprints_in(connection) == shown
            assert len(trace.all(HandshakeCompleted)) == 1
            changes = trace.all(StateChanged)
            states = [each.state for each in changes if each.machine == "connectionState"]
            assert states == ["connecting", "connected"]


def fingerprints_in(connection: PeerConnection) -> list[str]:
    """Return the fingerprints of the peer's description."""
    description = connection.remoteDescription
    assert description is not None
    return re.findall(r"a=fingerprint:(.*\S)", description.sdp)
