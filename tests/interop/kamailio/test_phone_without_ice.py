"""A bot calls a phone without ICE through Kamailio, with nothing between their media."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer import IcePolicy, PeerConfiguration, RtcpMuxPolicy
from signaling import sip
from tests.support.negotiation.connections import within
from tests.support.peers.baresip import MediaMode, registered_baresip
from tests.support.peers.kamailio import kamailio
from tests.support.peers.sip_phones import sounding

if TYPE_CHECKING:
    from pathlib import Path

    from peer import TrackEvent

USERS = {"ann": "secret-of-ann", "phone": "secret-of-the-phone"}


@pytest.mark.long
@pytest.mark.needs("kamailio", "baresip")
@pytest.mark.xdist_group("peer-kamailio")
async def test_bot_that_takes_peers_without_ice_calls_and_holds_such_a_phone(
    tmp_path: Path,
) -> None:
    (tmp_path / "baresip").mkdir()
    heard = asyncio.Event()
    async with (
        kamailio(tmp_path, users=USERS) as proxy,
        registered_baresip(
            tmp_path / "baresip",
            proxy,
            user="phone",
            secret=USERS["phone"],
            media=MediaMode.LATCHING,
        ),
        sip.register(proxy.ws, proxy.aor("ann"), USERS["ann"]) as ann,
    ):
        connection = sounding(
            PeerConfiguration(ice=IcePolicy.OPTIONAL, rtcp_mux=RtcpMuxPolicy.NEGOTIATE)
        )

        @connection.on("track")
        async def listen(event: TrackEvent) -> None:
            async for _ in event.receiver.encoded_frames():
                heard.set()
                return

        async with await within(ann.invite(proxy.aor("phone"), connection)) as call:
            await within(heard.wait())
            await within(call.hold())
            await within(call.resume())
            assert call.ending is None
