"""One result for each rekey, whoever asked and however many transports there are."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from peer import Certificate, DtlsError
from peer.rekey.manager import AgreedAssociations, RekeyManager
from peer.rekey.result import RekeyResult, RekeyStarter
from tests.support.negotiation.connections import until


class Host:
    """A connection that notes what it is asked."""

    def __init__(self) -> None:
        self.requested: list[Certificate | None] = []
        self.withdrawn = 0
        self.results: list[RekeyResult] = []
        self.suits = True
        self.packets = 0

    def request_rekey(self, certificate: Certificate | None) -> None:
        self.requested.append(certificate)

    def withdraw_rekey(self) -> None:
        self.withdrawn += 1

    def can_rekey(self) -> bool:
        return self.suits

    def packets_protected(self) -> int:
        return self.packets

    def on_rekey(self, result: RekeyResult) -> None:
        self.results.append(result)


def begun(host: Host) -> tuple[RekeyManager, asyncio.Task[RekeyResult]]:
    rekeying = RekeyManager(host, None)
    return rekeying, asyncio.ensure_future(rekeying.request("for a reason", None))


async def test_requested_then_replaced_is_changed() -> None:
    host = Host()
    rekeying, asking = begun(host)
    await asyncio.sleep(0)
    rekeying.agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=True))
    rekeying.replaced("0", 1)
    result = await asking
    assert (result.changed, result.reason) == (True, "for a reason")
    assert result.started_by is RekeyStarter.LOCAL
    assert host.results == [result]


async def test_all_transports_are_waited_for() -> None:
    rekeying, asking = begun(Host())
    await asyncio.sleep(0)
    rekeying.agreed(AgreedAssociations(associations={"0": 1, "1": 1}, offered_by_us=True))
    rekeying.replaced("0", 1)
    await asyncio.sleep(0)
    assert not asking.done()
    rekeying.replaced("1", 1)
    assert (await asking).changed


async def test_one_transport_that_keeps_its_keys_spoils_it() -> None:
    rekeying, asking = begun(Host())
    await asyncio.sleep(0)
    rekeying.agreed(AgreedAssociations(associations={"0": 1, "1": 1}, offered_by_us=True))
    rekeying.replaced("0", 1)
    rekeying.kept("1", 1, "the peer kept its association")
    result = await asking
    assert (result.changed, result.reason) == (False, "the peer kept its association")


async def test_a_report_about_another_association_is_ignored() -> None:
    host = Host()
    rekeying, asking = begun(host)
    await asyncio.sleep(0)
    rekeying.agreed(AgreedAssociations(associations={"0": 2}, offered_by_us=True))
    rekeying.replaced("0", 1)
    assert host.results == []
    rekeying.close()
    await asking


async def test_the_offer_of_the_peer_takes_the_place_of_ours() -> None:
    host = Host()
    rekeying, asking = begun(host)
    await asyncio.sleep(0)
    rekeying.agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=False))
    rekeying.replaced("0", 1)
    assert (await asking).started_by is RekeyStarter.REMOTE


async def test_what_the_peer_asks_for_is_told_as_well() -> None:
    host = Host()
    rekeying = RekeyManager(host, None)
    rekeying.agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=False))
    rekeying.replaced("0", 1)
    (result,) = host.results
    assert (result.changed, result.started_by) == (True, RekeyStarter.REMOTE)


async def test_a_plain_exchange_is_no_rekey() -> None:
    host = Host()
    rekeying = RekeyManager(host, None)
    rekeying.agreed(AgreedAssociations(associations={}, offered_by_us=True))
    rekeying.close()
    assert host.results == []


async def test_two_requests_are_one() -> None:
    host = Host()
    rekeying, asking = begun(host)
    second = asyncio.ensure_future(rekeying.request("again", None))
    await asyncio.sleep(0)
    rekeying.agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=True))
    rekeying.replaced("0", 1)
    assert await asking is await second
    assert len(host.requested) == 1


async def test_whoever_gives_up_does_not_end_it() -> None:
    host = Host()
    rekeying, asking = begun(host)
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    rekeying.agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=True))
    rekeying.replaced("0", 1)
    assert host.results[0].changed


async def test_no_answer_in_time_withdraws_the_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peer.rekey.manager.ANSWER_TIMEOUT", 0.01)
    host = Host()
    _, asking = begun(host)
    result = await asking
    assert (result.changed, result.reason) == (False, "there was no answer within 0.01 s")
    assert host.withdrawn == 1


async def test_a_transport_that_fails_ends_it() -> None:
    rekeying, asking = begun(Host())
    await asyncio.sleep(0)
    rekeying.agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=True))
    rekeying.lost("0", DtlsError("the certificate does not match"))
    result = await asking
    assert (result.changed, result.reason) == (False, "the certificate does not match")


async def test_the_end_of_the_connection_ends_it() -> None:
    rekeying, asking = begun(Host())
    await asyncio.sleep(0)
    rekeying.close()
    assert not (await asking).changed


async def test_it_asks_when_the_packets_are_used_up() -> None:
    host = Host()
    rekeying = RekeyManager(host, 1)
    rekeying.connected()
    host.packets = 1
    await until(lambda: bool(host.requested))
    rekeying.close()


async def test_it_never_asks_a_peer_that_cannot() -> None:
    host = Host()
    rekeying = RekeyManager(host, timedelta(seconds=0.05))
    peer_may_keep = frozenset({"0"})
    rekeying.agreed(
        AgreedAssociations(associations={"0": 1}, peer_may_keep=peer_may_keep, offered_by_us=True)
    )
    rekeying.kept("0", 1, "the peer kept its association")
    rekeying.connected()
    await asyncio.sleep(0.2)
    rekeying.close()
    assert host.requested == []


async def test_it_waits_for_a_moment_that_suits() -> None:
    host = Host()
    host.suits = False
    rekeying = RekeyManager(host, timedelta(seconds=0.05))
    rekeying.connected()
    await asyncio.sleep(0.2)
    assert host.requested == []
    host.suits = True
    await until(lambda: bool(host.requested))
    rekeying.close()


async def test_a_handshake_that_failed_once_is_no_reason_to_ask_no_more() -> None:
    host = Host()
    rekeying = RekeyManager(host, timedelta(seconds=0.05))
    rekeying.agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=True))
    rekeying.kept("0", 1, "the handshake was not complete within 30 s")
    rekeying.connected()
    await until(lambda: bool(host.requested))
    rekeying.close()
