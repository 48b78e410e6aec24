"""Phones of ours register at Kamailio over every transport, and are refused by name."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest

from signaling import sip
from tests.support.negotiation.connections import within
from tests.support.peers.kamailio import DigestAlgorithm, kamailio
from tests.support.peers.sip_phones import sounding

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.needs("kamailio"), pytest.mark.xdist_group("peer-kamailio")]

USERS = {"ann": "secret-of-ann", "bot": "secret-of-the-bot"}


async def test_phone_with_a_wrong_secret_is_refused_by_name(tmp_path: Path) -> None:
    async with kamailio(tmp_path, users=USERS) as proxy:
        with pytest.raises(sip.RegistrationRefused) as caught:
            await sip.register(proxy.ws, proxy.aor("bot"), "another")
        assert caught.value.status == 401
        assert "secret" in caught.value.reason
        assert "another" not in str(caught.value)


async def test_calls_pass_from_tls_to_udp_with_the_stronger_digest(tmp_path: Path) -> None:
    async with kamailio(tmp_path, users=USERS, digest=DigestAlgorithm.SHA256) as proxy:
        trusted = ssl.create_default_context(cafile=str(proxy.authority))
        async with (
            sip.register(proxy.wss, proxy.aor("ann"), USERS["ann"], ssl=trusted) as ann,
            sip.register(proxy.udp, proxy.aor("bot"), USERS["bot"]) as bot,
        ):
            calling = asyncio.create_task(ann.invite(proxy.aor("bot"), sounding()))
            call = await within(anext(bot.calls()))
            theirs = await within(call.answer(sounding()))
            ours = await within(calling)
            await within(theirs.connected())
            await within(call.established())
            await within(theirs.rekey())
            await within(ours.hangup())
            assert (await within(call.ended())).cause is sip.EndCause.REMOTE


async def test_phone_that_has_left_is_reached_no_more(tmp_path: Path) -> None:
    async with (
        kamailio(tmp_path, users=USERS) as proxy,
        sip.register(proxy.tcp, proxy.aor("ann"), USERS["ann"]) as ann,
    ):
        async with sip.register(proxy.tcp, proxy.aor("bot"), USERS["bot"]):
            pass
        with pytest.raises(sip.CallRejected, match="404"):
            await within(ann.invite(proxy.aor("bot"), sounding()))
