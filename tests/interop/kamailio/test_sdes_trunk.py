"""Calls of a bot with phones that know no DTLS, with keys of signalling (SDES) over TLS.

As with the trunk of a telephone company: no ICE, RTCP on a port of its own, a proxy between.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import pytest

from peer import (
    CryptoSuite,
    IcePolicy,
    MediaEncryption,
    PeerConfiguration,
    PeerConnection,
    RtcpMuxPolicy,
    Sdes,
)
from signaling import sip
from signaling.sip.transport.domain import domain_context
from tests.support.negotiation.connection_media import receives_more
from tests.support.negotiation.connections import within
from tests.support.peers import baresip, linphone
from tests.support.peers.baresip import MediaMode, registered_baresip
from tests.support.peers.kamailio import DOMAIN, Kamailio, kamailio
from tests.support.peers.linphone import registered_linphone
from tests.support.peers.sip_phones import sounding
from tests.support.rtp.arrivals import ArrivalSink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

pytestmark = [pytest.mark.needs("kamailio"), pytest.mark.xdist_group("peer-kamailio")]

USERS = {"phone": "secret-of-the-phone", "bot": "secret-of-the-bot"}
#: Seconds in which 20 packets of sound would come (ours).
_SILENCE = 0.4
Phone: TypeAlias = baresip.Phone | linphone.Phone


@asynccontextmanager
async def place(folder: Path, name: str) -> AsyncIterator[tuple[Kamailio, sip.Phone, Phone]]:
    """A proxy, a bot and a phone that are registered there by TLS."""
    home = folder / name
    home.mkdir()
    secret = USERS["phone"]
    async with kamailio(folder, users=USERS) as proxy:
        trust = domain_context()
        trust.load_verify_locations(proxy.authority)
        made = (
            registered_baresip(
                home, proxy, user="phone", secret=secret, media=MediaMode.SDES, by_tls=True
            )
            if name == "baresip"
            else registered_linphone(home, proxy, user="phone", secret=secret, by_sdes=True)
        )
        async with (
            sip.register(
                proxy.tls, proxy.aor("bot"), USERS["bot"], ssl=trust, domain=DOMAIN
            ) as bot,
            made as phone,
        ):
            yield proxy, bot, phone


def trunk_end(
    name: str,
    arrivals: ArrivalSink | None = None,
    suites: Sequence[CryptoSuite] = tuple(CryptoSuite),
) -> PeerConnection:
    """A connection as a trunk wants it, on the address that the phone describes and sends from."""
    return sounding(
        PeerConfiguration(
            sdes=Sdes(suites=suites),
            # linphone describes the loopback here, and baresip the address of an interface.
            interfaces=("127.0.0.1",) if name == "linphone" else None,
            ice=IcePolicy.OPTIONAL,
            rtcp_mux=RtcpMuxPolicy.NEGOTIATE,
            trace=arrivals,
        )
    )


async def speak(phone: Phone) -> None:
    """Let a phone without a microphone play its tone; baresip does so by itself."""
    if isinstance(phone, linphone.Phone):
        await phone.state("StreamsRunning")
        await phone.speak()


def suite_of(connection: PeerConnection) -> CryptoSuite | None:
    transports = connection.security.transports
    assert {each.encryption for each in transports} == {MediaEncryption.SDES_SRTP}
    assert not any(each.uses_ice for each in transports)
    (suite,) = {each.crypto_suite for each in transports}
    return suite


PHONES = [
    pytest.param("baresip", marks=pytest.mark.needs("baresip")),
    pytest.param("linphone", marks=[pytest.mark.needs("linphone"), pytest.mark.long]),
]


@pytest.mark.parametrize("name", PHONES)
async def test_bot_calls_a_phone_with_keys_of_signalling_and_holds_it(
    tmp_path: Path, name: str
) -> None:
    async with place(tmp_path, name) as (proxy, bot, phone):
        arrivals = ArrivalSink()
        connection = trunk_end(name, arrivals)
        async with await within(bot.invite(proxy.aor("phone"), connection)) as call:
            await speak(phone)
            await receives_more(connection)
            suite = suite_of(connection)
            assert suite is not None
            await within(call.hold())
            assert await arrivals.silence(_SILENCE) == 0
            await within(call.resume())
            if isinstance(phone, linphone.Phone):
                # A hold has ended what it plays.
                await phone.speak()
            await receives_more(connection)
            assert suite_of(connection) is suite
            assert call.ending is None


@pytest.mark.parametrize("name", PHONES)
async def test_phone_calls_a_bot_with_keys_of_signalling(tmp_path: Path, name: str) -> None:
    async with place(tmp_path, name) as (proxy, bot, phone):
        await phone.call(proxy.aor("bot"))
        call = await within(anext(bot.calls()))
        connection = trunk_end(name)
        await within(call.answer(connection))
        await within(call.established())
        await speak(phone)
        await receives_more(connection)
        assert suite_of(connection) is not None
        await phone.hang_up()
        assert (await within(call.ended())).cause is sip.EndCause.REMOTE


@pytest.mark.long
@pytest.mark.needs("baresip")
@pytest.mark.parametrize("suite", CryptoSuite)
async def test_each_crypto_suite_is_understood_by_baresip(
    tmp_path: Path, suite: CryptoSuite
) -> None:
    async with place(tmp_path, "baresip") as (proxy, bot, phone):
        connection = trunk_end("baresip", suites=[suite])
        async with await within(bot.invite(proxy.aor("phone"), connection)):
            await receives_more(connection)
            assert suite_of(connection) is suite
            assert isinstance(phone, baresip.Phone)
            await phone.logs("incoming rtp for 'audio' established")
