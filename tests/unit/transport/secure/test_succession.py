"""A change of keys between two of our own, under load, over links good and bad."""

from __future__ import annotations

import asyncio

import pytest

from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.secure import rtp
from tests.support.links.succession import Pair, Road

CONNECTED = DtlsTransportState.CONNECTED
ROLES = list(DtlsRole)


def roads(
    *, delay: float = 0.0, jitter: float = 0.0, loss: float = 0.0, duplication: float = 0.0
) -> tuple[Road, Road]:
    """Both directions alike, but for their luck."""
    there, back = (
        Road(delay=delay, jitter=jitter, loss=loss, duplication=duplication, seed=seed)
        for seed in (3, 4)
    )
    return there, back


async def assert_nothing_is_lost(pair: Pair, *, rekeys: int, signalling: float = 0.0) -> None:
    """Rekey under load, by turns from either end and in either role."""
    flows = pair.flows()
    for flow in flows:
        flow.start()
    for number in range(rekeys):
        initiator = pair.ends[number % 2]
        await pair.rekey(initiator, answer=ROLES[number // 2 % 2], signalling=signalling)
    for flow in flows:
        await flow.stop()

    for flow in flows:
        assert flow.account == ([], [])
        assert flow.data_account == ([], [])
        assert flow.refused == 0
    for end in pair.ends:
        assert end.events.states == [DtlsTransportState.CONNECTING, CONNECTED]
        assert end.secure.stats().association == rekeys


@pytest.mark.conformance("6.8-rekey")
@in_virtual_time
async def test_nothing_is_lost_or_doubled_on_a_good_link() -> None:
    await assert_nothing_is_lost(await Pair.connected(*roads()), rekeys=20)


@pytest.mark.conformance("6.8-rekey")
@in_virtual_time
async def test_nothing_is_lost_where_packets_overtake_each_other() -> None:
    pair = await Pair.connected(*roads(delay=0.03, jitter=0.015))

    await assert_nothing_is_lost(pair, rekeys=12)


@pytest.mark.conformance("6.8-rekey")
@in_virtual_time
async def test_nothing_is_lost_but_what_the_link_loses() -> None:
    pair = await Pair.connected(*roads(delay=0.03, jitter=0.015, loss=0.05))

    await assert_nothing_is_lost(pair, rekeys=12)


@in_virtual_time
async def test_nothing_is_doubled_though_the_link_doubles() -> None:
    pair = await Pair.connected(*roads(delay=0.01, jitter=0.005, duplication=0.3))

    await assert_nothing_is_lost(pair, rekeys=8)


@in_virtual_time
async def test_nothing_is_lost_while_the_answer_is_slower_than_the_handshake() -> None:
    pair = await Pair.connected(*roads(delay=0.001))

    await assert_nothing_is_lost(pair, rekeys=4, signalling=0.4)


@pytest.mark.conformance("6.8-rekey")
@in_virtual_time
async def test_a_known_peer_is_heard_under_the_new_keys_before_its_answer() -> None:
    pair = await Pair.connected()
    pair.offer(pair.server)
    pair.answer(pair.server)
    await asyncio.sleep(1)

    pair.client.secure.send_rtp(rtp(1))
    await asyncio.sleep(1)

    assert pair.client.secure.stats().association == 1
    assert pair.server.secure.stats().association == 0
    assert pair.server.events.rtp == [rtp(1)]


@pytest.mark.conformance("5-fp-match")
@in_virtual_time
async def test_another_certificate_is_not_heard_before_the_answer() -> None:
    pair = await Pair.connected()
    number = pair.offer(pair.server)
    pair.client.certificate = Certificate.generate()
    pair.answer(pair.server)
    await asyncio.sleep(1)
    pair.client.secure.send_rtp(rtp(1))
    await asyncio.sleep(1)
    assert pair.server.events.rtp == []

    pair.conclude(pair.server)
    await pair.replaced(number)

    assert pair.server.events.rtp == [rtp(1)]
