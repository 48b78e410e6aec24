"""Calls of a bot with phones of the telephone world, through Kamailio and rtpengine.

The phones speak plain RTP without ICE; rtpengine ends DTLS-SRTP and ICE of our leg.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import pytest

from peer import MediaEncryption, PeerConfiguration
from signaling import sip
from tests.support.negotiation.connection_media import receives_more
from tests.support.negotiation.connections import both_connected, within
from tests.support.peers import baresip, linphone
from tests.support.peers.baresip import MediaMode, registered_baresip
from tests.support.peers.kamailio import Kamailio, kamailio
from tests.support.peers.linphone import registered_linphone
from tests.support.peers.rtpengine import rtpengine
from tests.support.peers.sip_phones import sounding
from tests.support.rtp.arrivals import ArrivalSink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("kamailio", "rtpengine"),
    pytest.mark.xdist_group("peer-kamailio"),
]

USERS = {"phone": "secret-of-the-phone", "bot": "secret-of-the-bot"}
#: Seconds in which 20 packets of sound would come (ours).
_SILENCE = 0.4
Phone: TypeAlias = baresip.Phone | linphone.Phone


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[tuple[Kamailio, sip.Phone]]:
    """A proxy with rtpengine, and a bot that is registered there."""
    async with (
        rtpengine(folder) as media,
        kamailio(folder, users=USERS, rtpengine_port=media.port) as proxy,
        sip.register(proxy.ws, proxy.aor("bot"), USERS["bot"]) as bot,
    ):
        yield proxy, bot


@asynccontextmanager
async def phone_of(name: str, folder: Path, proxy: Kamailio) -> AsyncIterator[Phone]:
    secret = USERS["phone"]
    home = folder / name
    home.mkdir()
    if name == "baresip":
        async with registered_baresip(
            home, proxy, user="phone", secret=secret, media=MediaMode.PLAIN
        ) as phone:
            yield phone
    else:
        async with registered_linphone(home, proxy, user="phone", secret=secret) as caller:
            yield caller


async def speak(phone: Phone) -> None:
    """Let a phone without a microphone play its tone; baresip does so by itself."""
    if isinstance(phone, linphone.Phone):
        await phone.state("StreamsRunning")
        await phone.speak()


PHONES = [
    pytest.param("baresip", marks=pytest.mark.needs("baresip")),
    pytest.param("linphone", marks=[pytest.mark.needs("linphone"), pytest.mark.long]),
]


@pytest.mark.parametrize("name", PHONES)
async def test_bot_calls_a_plain_phone_through_kamailio_and_rtpengine(
    tmp_path: Path, name: str
) -> None:
    async with place(tmp_path) as (proxy, bot), phone_of(name, tmp_path, proxy) as phone:
        connection = sounding()
        async with await within(bot.invite(proxy.aor("phone"), connection)) as call:
            await speak(phone)
            await receives_more(connection)
            await within(call.hangup())


@pytest.mark.parametrize("name", PHONES)
async def test_plain_phone_calls_a_bot_through_kamailio_and_rtpengine(
    tmp_path: Path, name: str
) -> None:
    async with place(tmp_path) as (proxy, bot), phone_of(name, tmp_path, proxy) as phone:
        await phone.call(proxy.aor("bot"))
        call = await within(anext(bot.calls()))
        connection = sounding()
        await within(call.answer(connection))
        await within(call.established())
        await speak(phone)
        await receives_more(connection)
        await phone.hang_up()
        assert (await within(call.ended())).cause is sip.EndCause.REMOTE


@pytest.mark.needs("baresip")
async def test_hold_rekey_and_ice_restart_pass_kamailio_and_rtpengine(tmp_path: Path) -> None:
    async with place(tmp_path) as (proxy, bot), phone_of("baresip", tmp_path, proxy):
        arrivals = ArrivalSink()
        connection = sounding(PeerConfiguration(trace=arrivals))
        async with await within(bot.invite(proxy.aor("phone"), connection)) as call:
            await receives_more(connection)
            await within(call.hold())
            assert await arrivals.silence(_SILENCE) == 0
            await within(call.resume())
            await receives_more(connection)
            result = await within(connection.rekey(keep_path=True))
            assert result.changed, result.reason
            await receives_more(connection)
            connection.restartIce()
            await receives_more(connection)
            assert call.ending is None


@pytest.mark.long
@pytest.mark.needs("baresip")
@pytest.mark.parametrize("phone_calls", [False, True], ids=["called", "calling"])
async def test_rtpengine_joins_dtls_of_a_bot_to_sdes_of_a_phone(
    tmp_path: Path, *, phone_calls: bool
) -> None:
    # As a gateway of a provider does: keys of signalling on its trunk, DTLS towards us.
    (tmp_path / "baresip").mkdir()
    async with (
        rtpengine(tmp_path) as media,
        kamailio(tmp_path, users=USERS, rtpengine_port=media.port, phones_by_sdes=True) as proxy,
        sip.register(proxy.ws, proxy.aor("bot"), USERS["bot"]) as bot,
        registered_baresip(
            tmp_path / "baresip",
            proxy,
            user="phone",
            secret=USERS["phone"],
            media=MediaMode.SDES,
            by_tls=True,
        ) as phone,
    ):
        connection = sounding()
        if phone_calls:
            await phone.call(proxy.aor("bot"))
            call = await within(anext(bot.calls()))
            await within(call.answer(connection))
            await within(call.established())
        else:
            call = await within(bot.invite(proxy.aor("phone"), connection))
        await receives_more(connection)
        await phone.logs("incoming rtp for 'audio' established")
        assert connection.security.verified
        assert {each.encryption for each in connection.security.transports} == {
            MediaEncryption.DTLS_SRTP
        }
        await within(call.hangup())


async def test_rekey_of_one_of_two_bots_behind_rtpengine_keeps_the_other_leg(
    tmp_path: Path,
) -> None:
    async with (
        place(tmp_path) as (proxy, bot),
        sip.register(proxy.ws, proxy.aor("phone"), USERS["phone"]) as other,
    ):
        calling = asyncio.create_task(bot.invite(proxy.aor("phone"), ours := sounding()))
        call = await within(anext(other.calls()))
        theirs = await within(call.answer(sounding()))
        await within(calling)
        await both_connected(ours, theirs)
        for one, another in ((ours, theirs), (theirs, ours)):
            # rtpengine copies the new tls-id to the other leg, where nobody begins a handshake:
            # it is given up within 3 s, and not the 30 of one that has begun.
            result = await within(one.rekey(keep_path=True))
            assert result.changed, result.reason
            await asyncio.gather(receives_more(one), receives_more(another))
        assert call.ending is None
