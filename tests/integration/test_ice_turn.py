"""Server-reflexive and relayed candidates with a real coturn."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.configuration import IceTransportPolicy
from peer.states import IceTransportState
from peer.transport.ice.timing import IceTiming
from tests.support.clock.own_time import own_time
from tests.support.clock.skipped import skip
from tests.support.negotiation.connections import until
from tests.support.network.certificate import write_certificate
from tests.support.network.ice import PATIENT, start, two_ends
from tests.support.network.turn import turn_daemon

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("turnserver")

RELAY = IceTransportPolicy.RELAY
HELLO = b"\x16hello"


async def test_turn_relayed_candidate_is_gathered(tmp_path: Path) -> None:
    async with turn_daemon(tmp_path) as turn, two_ends(servers=[turn.turn()]) as (left, _):
        await left.ice.gather()
        await left.seen.gathered()
        (relay,) = left.seen.of_type("relay")
        assert relay.address == "127.0.0.1"
        assert relay.related_address == "127.0.0.1"
        assert (relay.server_url, relay.relay_protocol) == (turn.turn().urls[0], "udp")


async def test_reflexive_address_equal_to_host_address_is_redundant(tmp_path: Path) -> None:
    async with turn_daemon(tmp_path) as turn, two_ends(servers=[turn.stun()]) as (left, _):
        await left.ice.gather()
        await left.seen.gathered()
        assert [c.type for c in left.ice.local_candidates] == ["host"]
        assert left.ice.server_failures == ()


@pytest.mark.parametrize("query", ["?transport=udp", "?transport=tcp"])
async def test_two_turn_relays_carry_datagrams(tmp_path: Path, query: str) -> None:
    async with (
        turn_daemon(tmp_path) as turn,
        two_ends(servers=[turn.turn(query=query)], policy=RELAY) as (left, right),
    ):
        start(left, right)
        await left.ice.gather()
        await right.ice.gather()
        await left.seen.connected()
        await right.seen.connected()
        assert left.ice.selected_pair is not None
        assert left.ice.selected_pair[0].type == "relay"
        assert left.ice.datagrams.send(HELLO)
        await right.seen.until(lambda: right.seen.datagrams == [HELLO])


async def test_turn_over_tls_carries_datagrams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    async with (
        turn_daemon(tmp_path, f"--cert={cert}", f"--pkey={key}") as turn,
        two_ends(servers=[turn.turn("turns")], policy=RELAY) as (left, _),
    ):
        await left.ice.gather()
        await left.seen.gathered()
        assert left.ice.server_failures == ()
        assert [c.type for c in left.ice.local_candidates] == ["relay"]


async def test_turn_server_with_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    cert, key = write_certificate(tmp_path)
    async with (
        turn_daemon(tmp_path, f"--cert={cert}", f"--pkey={key}") as turn,
        two_ends(servers=[turn.turn("turns")], policy=RELAY) as (left, _),
    ):
        await left.ice.gather()
        await left.seen.gathered()
        (failure,) = left.ice.server_failures
        assert "CERTIFICATE_VERIFY_FAILED" in failure.reason


async def test_relay_policy_shows_no_other_address(tmp_path: Path) -> None:
    async with (
        turn_daemon(tmp_path) as turn,
        two_ends(servers=[turn.stun(), turn.turn()], policy=RELAY) as (left, _),
    ):
        await left.ice.gather()
        await left.seen.gathered()
        (relay,) = left.ice.local_candidates
        assert relay.type == "relay"
        assert (relay.related_address, relay.related_port) == ("0.0.0.0", 9)


async def test_wrong_turn_password_is_reported(tmp_path: Path) -> None:
    async with (
        turn_daemon(tmp_path) as turn,
        two_ends(servers=[turn.turn(credential="wrong")]) as (left, _),
    ):
        await left.ice.gather()
        await left.seen.gathered()
        (failure,) = left.ice.server_failures
        assert failure.reason == "401 Unauthorized"
        assert left.seen.failures == [failure]


async def test_turn_quota_is_reported(tmp_path: Path) -> None:
    async with (
        turn_daemon(tmp_path, "--no-tls", "--user-quota=1") as turn,
        two_ends(servers=[turn.turn()], policy=RELAY) as (left, right),
    ):
        await left.ice.gather()
        await left.seen.gathered()
        await right.ice.gather()
        await right.seen.gathered()
        (failure,) = right.ice.server_failures
        assert failure.reason == "486 Allocation Quota Reached"


async def test_turn_server_that_forbids_the_address_of_the_peer_is_named(tmp_path: Path) -> None:
    async with (
        turn_daemon(tmp_path, "--no-tls", "--denied-peer-ip=127.0.0.1") as turn,
        two_ends(servers=[turn.turn()], policy=RELAY, timing=PATIENT) as (left, right),
    ):
        start(left, right)
        await left.ice.gather()
        await right.ice.gather()
        await left.seen.until(lambda: bool(left.seen.failures))
        skip(PATIENT.connect_timeout)
        await left.seen.reached(IceTransportState.FAILED)
        (failure,) = left.ice.server_failures
        assert (failure.code, failure.about_peer) == (403, True)
        assert left.seen.failures == [failure]
        assert f"{failure.url} did not serve: 403 Forbidden" in str(left.ice.error)


async def test_turn_relay_gathered_late_is_paired_with_known_candidates(tmp_path: Path) -> None:
    async with (
        turn_daemon(tmp_path) as turn,
        two_ends(servers=[turn.turn()], policy=RELAY) as (left, right),
    ):
        right.seen.forward = None
        await right.ice.gather()
        await right.seen.gathered()
        for candidate in right.ice.local_candidates:
            left.ice.add_remote_candidate(candidate)
        start(left, right)
        assert left.ice.remote_candidates
        assert not left.ice.local_candidates
        await left.ice.gather()
        await left.seen.connected()


async def test_ice_close_deletes_turn_allocation(tmp_path: Path) -> None:
    async with turn_daemon(tmp_path, "--no-tls", "--verbose") as turn:
        async with two_ends(servers=[turn.turn()], policy=RELAY) as (left, _):
            await left.ice.gather()
            await left.seen.gathered()
            assert "lifetime=0" not in turn.log()
        # RFC 8656 section 7: a lifetime of zero deletes the allocation. Coturn answers before it
        # has written that down.
        await until(lambda: "lifetime=0" in turn.log())


@pytest.mark.parametrize("query", ["?transport=udp", "?transport=tcp"])
async def test_ice_close_does_not_wait_for_dead_turn_server(tmp_path: Path, query: str) -> None:
    timing = IceTiming(release=0.05)
    async with (
        turn_daemon(tmp_path) as turn,
        two_ends(servers=[turn.turn(query=query)], policy=RELAY, timing=timing) as (left, right),
    ):
        start(left, right)
        await left.ice.gather()
        await right.ice.gather()
        await left.seen.connected()
        await turn.kill()
        left.ice.datagrams.send(HELLO)
        with own_time() as took:
            await left.ice.close()
            await right.ice.close()
        assert took.seconds < 0.5
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_turn_tcp_server_that_hangs_up_takes_its_path_with_it(tmp_path: Path) -> None:
    timing = IceTiming(consent_interval=0.05, consent_grace=0.05, silence=0.1, release=0.05)
    async with (
        turn_daemon(tmp_path) as turn,
        two_ends(servers=[turn.turn(query="?transport=tcp")], policy=RELAY, timing=timing) as (
            left,
            right,
        ),
    ):
        start(left, right)
        await left.ice.gather()
        await right.ice.gather()
        await left.seen.connected()
        await turn.kill()
        # Silence, which is not looked for, may have made it DISCONNECTED before.
        await until(lambda: left.ice.selected_pair is None)
        await until(lambda: left.ice.state is IceTransportState.DISCONNECTED)
        assert not left.ice.datagrams.send(HELLO)
