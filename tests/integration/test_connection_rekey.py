"""New keys while media flows (RFC 5763 sections 6.6 and 6.8)."""

from __future__ import annotations

import asyncio
import datetime
import re
from typing import TYPE_CHECKING

import pytest

from peer import (
    Certificate,
    InvalidStateError,
    RekeyStarter,
    SdpType,
    SessionDescription,
)
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.udp_relay import is_in_clear, udp_relay
from tests.support.negotiation.connections import (
    announced,
    both_connected,
    connected_pair,
    exchange,
    expected,
    happened,
    local,
    loopback,
    opened,
    says,
    until,
    within,
)
from tests.support.negotiation.negotiating import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer import DataChannel, PeerConnection


def shown(pc: PeerConnection) -> str:
    """The fingerprint of the certificate that the association in use shows."""
    (transport,) = pc.security.transports
    return str(transport.local_fingerprint)


@pytest.mark.conformance("6.8-rekey", "6.6-new")
@pytest.mark.parametrize("first", [True, False])
async def test_either_side_can_rekey(first: bool) -> None:
    async with call() as ends:
        asking, asked = ends if first else reversed(ends)
        before = shown(asking)
        coming = expected(asked, "rekeyed")
        result = await within(asking.rekey())
        assert (result.changed, result.started_by) == (True, RekeyStarter.LOCAL)
        told = (await within(coming)).result
        assert (told.changed, told.started_by) == (True, RekeyStarter.REMOTE)
        assert shown(asking) != before
        assert shown(asking) == announced(asking)
        assert asking.security.verified
        assert asked.security.verified


async def test_a_rekey_tells_the_one_that_asked_for_it() -> None:
    async with call() as (left, _):
        coming = expected(left, "rekeyed")
        result = await within(left.rekey())
        assert (await within(coming)).result == result
        assert 0 < result.duration < 20


async def test_rekey_called_during_a_rekey_joins_it() -> None:
    async with call() as (left, _):
        first, second = await within(asyncio.gather(left.rekey(), left.rekey()))
        assert first is second


@pytest.mark.conformance("6.8-rekey")
async def test_rekeys_of_both_sides_at_once_agree_on_one() -> None:
    async with call() as (left, right):
        results = await within(asyncio.gather(left.rekey(), right.rekey()))
        assert [result.changed for result in results] == [True, True]
        assert {result.started_by for result in results} == set(RekeyStarter)


async def test_data_channel_survives_a_rekey() -> None:
    async with call() as (left, right):
        coming = expected(right, "datachannel")
        channel = left.createDataChannel("second")
        other = (await within(coming)).channel
        for _ in range(5):
            assert (await within(left.rekey())).changed
            await says(channel, "there", other)
            await says(other, "and back", channel)


async def test_a_certificate_can_be_given() -> None:
    certificate = Certificate.generate()
    async with call() as (left, _):
        assert (await within(left.rekey(certificate))).changed
        assert shown(left) == str(certificate.fingerprint())


async def test_a_rekey_shows_the_held_certificate_that_lasts_or_the_one_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, third = (Certificate.generate() for _ in range(3))
    async with call(loopback(certificates=(first, second, third))) as (left, _):
        assert shown(left) == str(first.fingerprint())
        # Weeks later: the first does not last any more.
        monkeypatch.setattr(Certificate, "expires", property(_expires_of(first)))
        assert (await within(left.rekey())).changed
        assert shown(left) == str(second.fingerprint())
        assert (await within(left.rekey(third))).changed
        assert shown(left) == str(third.fingerprint())


def _expires_of(over: Certificate) -> Callable[[Certificate], datetime.datetime]:
    """Times at which certificates end: that of one is tomorrow."""
    now = datetime.datetime.now(datetime.UTC)
    days = {over.der: 1}
    return lambda each: now + datetime.timedelta(days=days.get(each.der, 20))


async def test_a_configured_certificate_stays() -> None:
    certificate = Certificate.generate()
    async with call(loopback(certificates=(certificate,))) as (left, _):
        assert (await within(left.rekey())).changed
        assert shown(left) == str(certificate.fingerprint())


async def test_a_certificate_that_is_given_goes_before_the_configured_one() -> None:
    configured, given = Certificate.generate(), Certificate.generate()
    async with call(loopback(certificates=(configured,))) as (left, _):
        assert (await within(left.rekey(given))).changed
        assert shown(left) == str(given.fingerprint())


@in_virtual_time
async def test_a_wish_that_nobody_answers_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peer.rekey.manager.ANSWER_TIMEOUT", 0.05)
    async with connected_pair() as (left, _, _):
        assert not (await within(left.rekey())).changed
        await left.setLocalDescription()
        assert announced(left) == shown(left)


async def test_create_offer_can_ask_for_an_ice_restart() -> None:
    async with connected_pair() as (left, _, _):
        before = ufrags(local(left).sdp)
        assert ufrags((await left.createOffer()).sdp) == before
        assert ufrags((await left.createOffer(iceRestart=True)).sdp).isdisjoint(before)


async def test_an_ice_restart_that_is_taken_back_leaves_nothing() -> None:
    async with connected_pair() as (left, _, channel):
        before = ufrags(local(left).sdp)
        left.restartIce()
        told: list[str] = []
        left.on("icegatheringstatechange", lambda: told.append(left.iceGatheringState))
        await left.setLocalDescription()
        await left.setLocalDescription(SessionDescription(sdp="", type=SdpType.ROLLBACK))
        assert told[:1] == ["gathering"]
        assert left.iceGatheringState == "complete"
        assert ufrags(local(left).sdp) == before
        assert (left.connectionState, channel.readyState) == ("connected", "open")


def ufrags(sdp: str) -> set[str]:
    return set(re.findall(r"a=ice-ufrag:(\S+)", sdp))


async def test_rekey_before_the_connection_is_refused() -> None:
    async with connected_pair() as (left, _, _):
        await left.close()
        with pytest.raises(InvalidStateError):
            await left.rekey()


@pytest.mark.conformance("6.6-reuse")
async def test_a_plain_re_offer_keeps_the_association() -> None:
    async with connected_pair() as (left, right, channel):
        before = [end.security for end in (left, right)]
        fingerprints = [announced(end) for end in (left, right)]
        left.addTransceiver("audio")
        await exchange(left, right)
        await exchange(right, left)
        assert [end.security for end in (left, right)] == before
        assert [announced(end) for end in (left, right)] == fingerprints
        assert channel.readyState == "open"


async def test_rekey_after_option_starts_a_rekey() -> None:
    often = datetime.timedelta(seconds=1)
    async with call(loopback(rekey_after=often)) as (left, right):
        assert (await happened(right, "rekeyed")).result.started_by is RekeyStarter.REMOTE
        assert (await happened(left, "rekeyed")).result.started_by is RekeyStarter.LOCAL


async def test_an_offer_that_is_taken_back_changes_nothing() -> None:
    async with connected_pair() as (left, _, channel):
        asking = asyncio.create_task(left.rekey())
        await asyncio.sleep(0)
        await left.setLocalDescription()
        assert announced(left) != shown(left)
        await left.setLocalDescription(SessionDescription(sdp="", type=SdpType.ROLLBACK))
        assert announced(left) == shown(left)
        assert channel.readyState == "open"
        await left.close()
        assert not (await within(asking)).changed


@in_virtual_time
async def test_a_handshake_that_fails_leaves_the_old_keys_in_place() -> None:
    with udp_relay() as relay:
        soon = loopback(handshake_timeout=1.0)
        async with call(soon, soon, relay=relay) as (left, right):
            before = shown(left)
            coming = expected(left, "rekeyfailed")
            relay.passes = lambda datagram: not is_in_clear(datagram)
            result = await within(left.rekey())
            assert not result.changed
            assert (await within(coming)).result == result
            assert (left.connectionState, right.connectionState) == ("connected", "connected")
            assert shown(left) == before

            relay.passes = lambda _: True
            assert (await within(left.rekey())).changed
            assert shown(left) != before


@pytest.mark.conformance("6.7.1-restart")
@in_virtual_time
async def test_an_ice_restart_revives_a_connection_whose_path_is_gone() -> None:
    with udp_relay() as relay:
        async with call(relay=relay) as (left, right):
            keys = left.security.transports[0].remote_fingerprint
            relay.cut()
            await until(lambda: left.connectionState == right.connectionState == "disconnected")
            left.restartIce()
            await both_connected(left, right)
            assert left.security.transports[0].remote_fingerprint == keys
            coming = expected(right, "datachannel")
            channel = left.createDataChannel("after")
            await says_when_open(channel, (await within(coming)).channel)


async def says_when_open(channel: DataChannel, other: DataChannel) -> None:
    await opened(channel)
    await says(channel, "there again", other)
