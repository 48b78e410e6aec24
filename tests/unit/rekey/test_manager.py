"""A rekey of any number of transports, asked for by either end, has one result."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from peer import Certificate, DtlsError
from peer.rekey.manager import AgreedAssociations, RekeyManager, agreed_associations
from peer.rekey.result import RekeyResult, RekeyStarter
from tests.support.negotiation.connections import until
from tests.support.negotiation.modification import NEW, connected
from tests.support.negotiation.offer_answer import (
    add_track,
    answer_of,
    offer_of,
    pair,
    set_local,
    set_remote,
)


class Host:
    """Connection that records the requests of the rekey manager."""

    def __init__(self) -> None:
        self.requested: list[Certificate | None] = []
        self.keep_path: list[bool] = []
        self.withdrawn = 0
        self.results: list[RekeyResult] = []
        self.possible = True
        self.packets = 0

    def request_rekey(self, certificate: Certificate | None, *, keep_path: bool) -> None:
        self.requested.append(certificate)
        self.keep_path.append(keep_path)

    def withdraw_rekey(self) -> None:
        self.withdrawn += 1

    def can_rekey(self) -> bool:
        return self.possible

    def packets_protected(self) -> int:
        return self.packets

    def on_rekey(self, result: RekeyResult) -> None:
        self.results.append(result)


BOTH = AgreedAssociations(associations={"0": 1, "1": 1}, offered_by_us=True)


def begun(host: Host) -> tuple[RekeyManager, asyncio.Task[RekeyResult]]:
    rekeying = RekeyManager(host, None)
    return rekeying, asyncio.ensure_future(rekeying.request("for a reason", None))


async def test_rekey_is_changed_when_its_association_completes() -> None:
    host = Host()
    rekeying, asking = begun(host)
    await asyncio.sleep(0)
    rekeying.on_associations_agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=True))
    rekeying.on_association_completed("0", 1)
    result = await asking
    assert (result.changed, result.reason) == (True, "for a reason")
    assert result.started_by is RekeyStarter.LOCAL
    assert host.results == [result]
    assert (host.keep_path, result.ice_restarted) == ([False], False)


async def test_result_says_that_ice_restarted_in_the_same_exchange() -> None:
    host = Host()
    rekeying = RekeyManager(host, None)
    asking = asyncio.ensure_future(rekeying.request("for a reason", None, keep_path=True))
    await asyncio.sleep(0)
    rekeying.on_associations_agreed(
        AgreedAssociations(associations={"0": 1}, offered_by_us=True, ice_restarted=True)
    )
    rekeying.on_association_completed("0", 1)
    assert (await asking).ice_restarted
    assert host.keep_path == [True]


async def test_rekey_waits_for_all_transports() -> None:
    rekeying, asking = begun(Host())
    await asyncio.sleep(0)
    rekeying.on_associations_agreed(
        AgreedAssociations(associations={"0": 1, "1": 1}, offered_by_us=True)
    )
    rekeying.on_association_completed("0", 1)
    await asyncio.sleep(0)
    assert not asking.done()
    rekeying.on_association_completed("1", 1)
    assert (await asking).changed


async def test_rekey_fails_where_one_transport_keeps_its_keys() -> None:
    rekeying, asking = begun(Host())
    await asyncio.sleep(0)
    rekeying.on_associations_agreed(
        AgreedAssociations(associations={"0": 1, "1": 1}, offered_by_us=True)
    )
    rekeying.on_association_completed("0", 1)
    rekeying.on_association_failed("1", 1, reason="the peer kept its association")
    result = await asking
    assert (result.changed, result.reason) == (False, "the peer kept its association")


async def test_rekey_ignores_reports_about_another_association() -> None:
    host = Host()
    rekeying, asking = begun(host)
    await asyncio.sleep(0)
    rekeying.on_associations_agreed(AgreedAssociations(associations={"0": 2}, offered_by_us=True))
    rekeying.on_association_completed("0", 1)
    assert host.results == []
    rekeying.close()
    await asking


async def test_rekey_is_started_by_peer_whose_offer_replaces_ours() -> None:
    host = Host()
    rekeying, asking = begun(host)
    await asyncio.sleep(0)
    rekeying.on_associations_agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=False))
    rekeying.on_association_completed("0", 1)
    assert (await asking).started_by is RekeyStarter.REMOTE


#: What a media proxy makes of a rekey on its other leg.
PASSED_ON = AgreedAssociations(
    associations={"0": 1}, peer_may_keep=frozenset({"0"}), offered_by_us=False
)


@pytest.mark.parametrize("gave_way", [False, True], ids=["asked meanwhile", "gave way"])
async def test_rekey_that_comes_to_nothing_does_not_spoil_our_own(gave_way: bool) -> None:
    host = Host()
    rekeying = RekeyManager(host, None)
    if not gave_way:
        rekeying.on_associations_agreed(PASSED_ON)
    asking = asyncio.ensure_future(rekeying.request("for a reason", None))
    await asyncio.sleep(0)
    if gave_way:
        rekeying.on_associations_agreed(PASSED_ON)
    asked_before = len(host.requested)
    rekeying.on_association_failed("0", 1, reason="the peer kept its association")
    await until(lambda: len(host.requested) > asked_before)
    rekeying.on_associations_agreed(AgreedAssociations(associations={"0": 2}, offered_by_us=True))
    rekeying.on_association_completed("0", 2)
    result = await asking

    assert (result.changed, result.started_by) == (True, RekeyStarter.LOCAL)
    assert [each.changed for each in host.results] == [False, True]


async def test_rekey_that_peer_asks_for_and_leaves_does_not_end_our_schedule() -> None:
    host = Host()
    rekeying = RekeyManager(host, timedelta(seconds=0.05))
    rekeying.on_associations_agreed(PASSED_ON)
    rekeying.on_association_failed("0", 1, reason="the peer kept its association")
    rekeying.on_connected()
    await until(lambda: bool(host.requested))
    rekeying.close()


async def test_rekey_that_peer_asks_for_is_reported() -> None:
    host = Host()
    rekeying = RekeyManager(host, None)
    rekeying.on_associations_agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=False))
    rekeying.on_association_completed("0", 1)
    (result,) = host.results
    assert (result.changed, result.started_by) == (True, RekeyStarter.REMOTE)


async def test_exchange_without_new_association_is_no_rekey() -> None:
    host = Host()
    rekeying = RekeyManager(host, None)
    rekeying.on_associations_agreed(AgreedAssociations(associations={}, offered_by_us=True))
    rekeying.close()
    assert host.results == []


async def test_second_rekey_request_joins_the_first() -> None:
    host = Host()
    rekeying, asking = begun(host)
    second = asyncio.ensure_future(rekeying.request("again", None))
    await asyncio.sleep(0)
    rekeying.on_associations_agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=True))
    rekeying.on_association_completed("0", 1)
    assert await asking is await second
    assert len(host.requested) == 1


async def test_cancelled_caller_does_not_end_rekey() -> None:
    host = Host()
    rekeying, asking = begun(host)
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    rekeying.on_associations_agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=True))
    rekeying.on_association_completed("0", 1)
    assert host.results[0].changed


async def test_rekey_without_answer_in_time_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peer.rekey.manager.ANSWER_TIMEOUT", 0.01)
    host = Host()
    _, asking = begun(host)
    result = await asking
    assert (result.changed, result.reason) == (False, "there was no answer within 0.01 s")
    assert host.withdrawn == 1


async def test_transport_failure_ends_rekey() -> None:
    rekeying, asking = begun(Host())
    await asyncio.sleep(0)
    rekeying.on_associations_agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=True))
    rekeying.on_transport_ended("0", DtlsError("the certificate does not match"))
    result = await asking
    assert (result.changed, result.reason) == (False, "the certificate does not match")


async def test_closed_connection_ends_rekey() -> None:
    rekeying, asking = begun(Host())
    await asyncio.sleep(0)
    rekeying.close()
    assert not (await asking).changed


async def test_connection_without_rekey_after_never_asks() -> None:
    host = Host()
    rekeying = RekeyManager(host, None)
    rekeying.on_connected()
    host.packets = 10**9
    await asyncio.sleep(0.1)
    rekeying.close()
    assert host.requested == []


async def test_rekey_after_packets_asks_once_they_are_sent() -> None:
    host = Host()
    rekeying = RekeyManager(host, 1)
    rekeying.on_connected()
    host.packets = 1
    await until(lambda: bool(host.requested))
    rekeying.close()


async def test_rekey_after_never_asks_peer_that_kept_its_association() -> None:
    host = Host()
    rekeying = RekeyManager(host, timedelta(seconds=0.05))
    peer_may_keep = frozenset({"0"})
    rekeying.on_associations_agreed(
        AgreedAssociations(associations={"0": 1}, peer_may_keep=peer_may_keep, offered_by_us=True)
    )
    rekeying.on_association_failed("0", 1, reason="the peer kept its association")
    rekeying.on_connected()
    await asyncio.sleep(0.2)
    rekeying.close()
    assert host.requested == []


async def test_rekey_after_waits_until_rekey_is_possible() -> None:
    host = Host()
    host.possible = False
    rekeying = RekeyManager(host, timedelta(seconds=0.05))
    rekeying.on_connected()
    await asyncio.sleep(0.2)
    assert host.requested == []
    host.possible = True
    await until(lambda: bool(host.requested))
    rekeying.close()


@pytest.mark.parametrize("keep_path", [True, False])
async def test_rekey_after_keeps_the_path_where_that_is_configured(keep_path: bool) -> None:
    host = Host()
    rekeying = RekeyManager(host, timedelta(seconds=0.05), keep_path=keep_path)
    rekeying.on_connected()
    await until(lambda: bool(host.requested))
    assert host.keep_path == [keep_path]
    rekeying.close()


async def test_rekey_after_asks_again_after_failed_handshake() -> None:
    host = Host()
    rekeying = RekeyManager(host, timedelta(seconds=0.05))
    rekeying.on_associations_agreed(AgreedAssociations(associations={"0": 1}, offered_by_us=True))
    rekeying.on_association_failed("0", 1, reason="the handshake was not complete within 30 s")
    rekeying.on_connected()
    await until(lambda: bool(host.requested))
    rekeying.close()


@pytest.mark.parametrize("keep_path", [True, False])
def test_answer_to_our_rekey_offer_adds_association_offered_by_us(keep_path: bool) -> None:
    left, right = connected()
    left.request_rekey(NEW, keep_path=keep_path)
    offer = offer_of(left)
    set_local(left)
    set_remote(right, offer)
    answer = answer_of(right)
    before = left.session
    agreed = agreed_associations(before, set_remote(left, answer))
    assert agreed == AgreedAssociations(
        associations={"0": 1}, offered_by_us=True, ice_restarted=not keep_path
    )


@pytest.mark.parametrize("keep_path", [True, False])
def test_our_answer_to_rekey_offer_of_peer_adds_association_not_offered_by_us(
    keep_path: bool,
) -> None:
    left, right = connected()
    left.request_rekey(NEW, keep_path=keep_path)
    set_remote(right, offer_of(left))
    before = right.session
    agreed = agreed_associations(before, set_local(right))
    assert agreed == AgreedAssociations(
        associations={"0": 1}, offered_by_us=False, ice_restarted=not keep_path
    )


@pytest.mark.parametrize("rekeyed", [True, False])
def test_first_association_of_a_connection_is_no_rekey(rekeyed: bool) -> None:
    left, right = pair()
    add_track(left, "audio")
    if rekeyed:
        left.request_rekey(NEW)
    offer = offer_of(left)
    set_local(left)
    set_remote(right, offer)
    answer = answer_of(right)
    before = left.session
    assert not agreed_associations(before, set_remote(left, answer)).associations
