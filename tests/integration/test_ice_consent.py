"""Consent over real sockets, in virtual time (RFC 7675)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from peer.ice import IceParameters
from peer.states import IceRole, IceTransportState
from peer.transport.adapters.consent_check import MAX_CONSENT_CHECKS
from peer.transport.ice.timing import IceTiming
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.network.ice import End, start
from tests.support.network.scripted_ice_peer import ScriptedIcePeer, scripted_ice_peer

CONNECTED, DISCONNECTED = IceTransportState.CONNECTED, IceTransportState.DISCONNECTED
CHECKING, FAILED = IceTransportState.CHECKING, IceTransportState.FAILED

CONTROLLED, CONTROLLING = IceRole.CONTROLLED, IceRole.CONTROLLING

DATAGRAM = b"\x16hello"
QUICK = IceTiming(consent_interval=0.02, consent_grace=0.02, silence=0.06, consent_expiry=0.6)


@asynccontextmanager
async def connected_to_hand(
    timing: IceTiming = QUICK, role: IceRole = CONTROLLED
) -> AsyncIterator[tuple[End, ScriptedIcePeer]]:
    end = End(timing=timing)
    own = IceParameters.generate()
    async with scripted_ice_peer(own, end.ice.local) as peer:
        try:
            await end.ice.gather()
            address = end.ice.local_candidates[0]
            end.ice.start(own, role)
            peer.check(
                (address.address, address.port),
                nominate=True,
                controlling=role is CONTROLLED,
            )
            await end.seen.connected()
            yield end, peer
        finally:
            await end.ice.close()


@in_virtual_time
async def test_silent_peer_is_disconnected_and_then_failed() -> None:
    async with connected_to_hand() as (end, peer):
        peer.answering = False
        await end.seen.reached(DISCONNECTED)
        assert end.ice.datagrams.send(DATAGRAM)
        await end.seen.reached(FAILED)
        assert end.seen.states == [CHECKING, CONNECTED, DISCONNECTED, FAILED]
        assert end.ice.error is not None
        assert "consent" in str(end.ice.error)


@in_virtual_time
async def test_nothing_is_sent_after_consent_has_expired() -> None:
    async with connected_to_hand() as (end, peer):
        peer.answering = False
        await end.seen.reached(FAILED)
        assert not end.ice.datagrams.send(DATAGRAM)


@in_virtual_time
async def test_peer_that_answers_consent_checks_again_is_connected_again() -> None:
    async with connected_to_hand() as (end, peer):
        peer.answering = False
        await end.seen.reached(DISCONNECTED)
        peer.answering = True
        await end.seen.until(lambda: end.ice.state is CONNECTED)
        assert end.seen.states == [CHECKING, CONNECTED, DISCONNECTED, CONNECTED]


@in_virtual_time
async def test_datagram_of_peer_ends_disconnected_state() -> None:
    async with connected_to_hand() as (end, peer):
        peer.answering = False
        await end.seen.reached(DISCONNECTED)
        address = end.ice.local_candidates[0]
        peer.send(DATAGRAM, (address.address, address.port))
        await end.seen.until(lambda: end.ice.state is CONNECTED)


@in_virtual_time
async def test_datagram_of_unvalidated_source_does_not_end_disconnected_state() -> None:
    async with (
        connected_to_hand() as (end, peer),
        scripted_ice_peer(IceParameters.generate(), end.ice.local) as stranger,
    ):
        address = end.ice.local_candidates[0]
        peer.answering = False
        await end.seen.reached(DISCONNECTED)
        stranger.send(DATAGRAM, (address.address, address.port))
        await end.seen.reached(FAILED)
        assert end.seen.states == [CHECKING, CONNECTED, DISCONNECTED, FAILED]


@in_virtual_time
async def test_403_response_withdraws_consent() -> None:
    async with connected_to_hand() as (end, peer):
        peer.error = 403
        await end.seen.reached(FAILED)
        assert end.seen.states == [CHECKING, CONNECTED, FAILED]
        assert str(end.ice.error) == "the peer has withdrawn its consent to be sent to"


@in_virtual_time
async def test_end_that_has_failed_answers_checks_with_403_and_strangers_with_401() -> None:
    async with connected_to_hand() as (end, peer):
        peer.answering = False
        await end.seen.reached(FAILED)
        address = end.ice.local_candidates[0]
        place = address.address, address.port
        peer.answers.clear()
        peer.check(place)
        peer.check(place, password="x" * 22)
        await peer.until(lambda: len(peer.answers) == 2)
        assert {answer.error_code for answer in peer.answers} == {401, 403}


@in_virtual_time
async def test_both_ends_say_failed_though_only_one_of_them_missed_the_answers() -> None:
    hasty = replace(QUICK, consent_interval=100.0, consent_expiry=0.3)
    left, right = End(timing=hasty), End(timing=replace(QUICK, consent_expiry=100.0))
    left.seen.forward = right.ice.add_remote_candidate
    right.seen.forward = left.ice.add_remote_candidate
    try:
        await left.ice.gather()
        await right.ice.gather()
        start(left, right)
        await right.seen.connected()
        await left.seen.reached(FAILED)
        await right.seen.reached(FAILED)
        assert "withdrawn" in str(right.ice.error)
    finally:
        await left.ice.close()
        await right.ice.close()


@in_virtual_time
async def test_response_with_wrong_integrity_does_not_renew_consent() -> None:
    async with connected_to_hand() as (end, peer):
        peer.answer_password = "x" * 22
        await end.seen.reached(FAILED)


@in_virtual_time
async def test_consent_responses_keep_ice_connected() -> None:
    async with connected_to_hand() as (end, peer):
        await peer.until(lambda: len(peer.checks) >= 20)
        assert end.ice.state is CONNECTED
        assert end.ice.datagrams.round_trip_time is not None


@pytest.mark.parametrize(("role", "repeats"), [(CONTROLLING, True), (CONTROLLED, False)])
@in_virtual_time
async def test_only_controlling_agent_repeats_nomination_in_consent_checks(
    role: IceRole, repeats: bool
) -> None:
    async with connected_to_hand(role=role) as (_, peer):
        await peer.until(lambda: len(peer.checks) >= 3)
        assert ("USE-CANDIDATE" in peer.checks[-1].attributes) is repeats


@in_virtual_time
async def test_consent_checks_never_repeat_a_transaction() -> None:
    async with connected_to_hand() as (_, peer):
        peer.answering = False
        await peer.until(lambda: len(peer.checks) >= 12)
        identifiers = [check.transaction_id for check in peer.checks]
        assert len(set(identifiers)) == len(identifiers)


@in_virtual_time
async def test_unanswered_consent_checks_are_bounded() -> None:
    async with connected_to_hand() as (end, peer):
        peer.answering = False
        await peer.until(lambda: len(peer.checks) > 2 * MAX_CONSENT_CHECKS)
        (socket,) = end.ice._agent.sockets  # noqa: SLF001 - nobody else sees transactions
        assert len(socket.transactions) == MAX_CONSENT_CHECKS


@pytest.mark.parametrize("nominate", [False, True])
@in_virtual_time
async def test_check_of_peer_ends_silence_but_does_not_renew_consent(nominate: bool) -> None:
    async with connected_to_hand() as (end, peer):
        peer.answering = False
        address = end.ice.local_candidates[0]
        peer.on_check = lambda: peer.check((address.address, address.port), nominate=nominate)
        await end.seen.reached(FAILED)
        assert end.seen.states == [CHECKING, CONNECTED, FAILED]


@in_virtual_time
async def test_no_valid_pair_within_connect_timeout_is_failure() -> None:
    timing = IceTiming(connect_timeout=0.05)
    end = End(timing=timing)
    try:
        await end.ice.gather()
        end.ice.start(IceParameters.generate(), CONTROLLING)
        # RFC 8863: the end of candidates alone is no reason to fail, as the peer may find us.
        end.ice.add_remote_candidate(None)
        assert end.ice.state is CHECKING
        await end.seen.reached(FAILED)
        assert "0.05 s" in str(end.ice.error)
    finally:
        await end.ice.close()


@in_virtual_time
async def test_ice_error_says_that_peer_refused_every_check() -> None:
    end = End(timing=IceTiming(connect_timeout=0.1))
    own = IceParameters.generate()
    async with scripted_ice_peer(own, end.ice.local) as peer:
        try:
            peer.error = 400
            await end.ice.gather()
            end.ice.start(own, CONTROLLING)
            end.ice.add_remote_candidate(peer.candidate)
            end.ice.add_remote_candidate(None)
            await end.seen.reached(FAILED)
            assert "of 1 check that we sent 1 answered with an error" in str(end.ice.error)
        finally:
            await end.ice.close()


@in_virtual_time
async def test_connect_timeout_ends_with_first_valid_pair() -> None:
    timing = replace(QUICK, connect_timeout=0.05)
    async with connected_to_hand(timing) as (end, peer):
        # Six intervals are longer than the timeout.
        await peer.until(lambda: len(peer.checks) > 6)
        assert end.ice.state is CONNECTED
