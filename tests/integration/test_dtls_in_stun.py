"""DTLS carried by the checks of ICE (SPED) between two connections of ours, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from peer import PeerConnection
from peer.configuration import AnswerRole
from peer.states import ConnectionState
from peer.tracing.events import Datagram, DatagramKind
from peer.transport.wire.demux import DatagramClass, classify
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.udp_relay import negotiate_over, udp_relay
from tests.support.negotiation.connections import (
    both_connected,
    exchange,
    local,
    loopback,
    opened,
    within,
)
from tests.support.tracing.traces import Sink

#: Seconds of a round trip.
ROUND_TRIP = 0.1


@dataclass
class SetUp:
    """Observations of a set-up over a long path.

    Attributes:
        connected: Round trips from the offer to `connected` at both ends.
        flights: DTLS datagrams in clear that went by the path.
    """

    connected: float = 0.0
    flights: list[bytes] = field(default_factory=list)

    def passes(self, datagram: bytes) -> bool:
        if classify(datagram) is DatagramClass.DTLS and datagram[0] == 22:
            self.flights.append(datagram)
        return True


async def set_up(
    *, ours: bool, theirs: bool, role: AnswerRole = AnswerRole.ACTIVE, trace: Sink | None = None
) -> SetUp:
    """Set up a connection with a data channel; each end embeds DTLS or does not."""
    seen = SetUp()
    loop = asyncio.get_running_loop()
    with udp_relay() as relay:
        relay.delay = ROUND_TRIP / 2
        relay.passes = seen.passes
        async with (
            PeerConnection(loopback(dtls_in_stun=ours, trace=trace)) as one,
            PeerConnection(loopback(dtls_in_stun=theirs, answer_role=role)) as other,
        ):
            begun = loop.time()
            channel = one.createDataChannel("chat")
            await negotiate_over(relay, one, other)
            await within(both_connected(one, other))
            seen.connected = (loop.time() - begun) / ROUND_TRIP
            await within(opened(channel))
    return seen


@pytest.mark.parametrize("role", [AnswerRole.ACTIVE, AnswerRole.PASSIVE])
def test_handshake_in_checks_connects_a_round_trip_sooner(role: AnswerRole) -> None:
    @in_virtual_time
    async def run() -> None:
        apart = await set_up(ours=False, theirs=False, role=role)
        embedded = await set_up(ours=True, theirs=True, role=role)
        assert (round(apart.connected, 1), round(embedded.connected, 1)) == (3.0, 2.0)

    run()


@pytest.mark.parametrize(("ours", "theirs"), [(True, False), (False, True)])
def test_end_that_embeds_loses_no_time_with_one_that_does_not(*, ours: bool, theirs: bool) -> None:
    @in_virtual_time
    async def run() -> None:
        mixed = await set_up(ours=ours, theirs=theirs)
        assert round(mixed.connected, 1) == 3.0

    run()


@in_virtual_time
async def test_trace_says_which_checks_carry_dtls() -> None:
    trace = Sink()
    await set_up(ours=True, theirs=True, trace=trace)
    stun = (DatagramKind.STUN_REQUEST, DatagramKind.STUN_RESPONSE)
    details = [each.detail for each in trace.all(Datagram) if each.kind in stun]
    assert any("DTLS of" in each and "(SPED)" in each for each in details)


async def test_options_are_offered_and_only_those_offered_are_answered() -> None:
    async with (
        PeerConnection(loopback(dtls_in_stun=True)) as one,
        PeerConnection(loopback(dtls_in_stun=True)) as other,
    ):
        one.createDataChannel("chat")
        await one.setLocalDescription()
        offer = local(one)
        assert "a=ice-options:trickle sped googspedv1 goog-sped-v1\r\n" in offer.sdp
        older = offer.sdp.replace("trickle sped googspedv1", "trickle")
        await other.setRemoteDescription(replace(offer, sdp=older))
        await other.setLocalDescription()
        assert "a=ice-options:trickle goog-sped-v1\r\n" in local(other).sdp


async def test_nothing_is_offered_by_default() -> None:
    async with PeerConnection(loopback()) as one, PeerConnection(loopback()) as other:
        one.createDataChannel("chat")
        await exchange(one, other)
        for end in (one, other):
            assert "a=ice-options:trickle\r\n" in local(end).sdp


@pytest.mark.conformance("5-fp-mismatch")
@in_virtual_time
async def test_certificate_in_checks_is_verified_as_any_other() -> None:
    states: list[ConnectionState] = []
    with udp_relay() as relay:
        relay.delay = ROUND_TRIP / 2
        async with (
            PeerConnection(loopback(dtls_in_stun=True)) as one,
            PeerConnection(loopback(dtls_in_stun=True)) as other,
            PeerConnection(loopback()) as stranger,
        ):
            one.createDataChannel("chat")
            stranger.createDataChannel("chat")
            await stranger.setLocalDescription()
            theirs = next(
                line for line in local(stranger).sdp.splitlines() if "a=fingerprint" in line
            )
            await one.setLocalDescription()
            await other.setRemoteDescription(
                replace(local(one), sdp=relay.rerouted(local(one).sdp))
            )
            await other.setLocalDescription()
            lines = relay.rerouted(local(other).sdp).splitlines()
            forged = [theirs if line.startswith("a=fingerprint") else line for line in lines]
            failed = asyncio.Event()

            @one.on("connectionstatechange")
            def note() -> None:
                states.append(one.connectionState)
                if one.connectionState is ConnectionState.FAILED:
                    failed.set()

            await one.setRemoteDescription(replace(local(other), sdp="\r\n".join((*forged, ""))))
            await within(failed.wait())
    assert ConnectionState.CONNECTED not in states
