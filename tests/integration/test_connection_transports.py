"""Transports of a connection as objects: `sctp`, `sender.transport` (webrtc-pc 5.5, 5.6, 6.1)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from peer import (
    BundlePolicy,
    DtlsError,
    DtlsTransport,
    Fingerprint,
    HashFunction,
    IceTransport,
    SdpType,
    SessionDescription,
)
from tests.support.negotiation.connections import (
    connect,
    connected_pair,
    exchange,
    loopback,
    opened,
    pair,
    within,
)

if TYPE_CHECKING:
    from peer import DataChannel, PeerConnection


def transport_of(pc: PeerConnection) -> DtlsTransport:
    assert pc.sctp is not None
    assert pc.sctp.transport is not None
    return pc.sctp.transport


async def reached(transport: Any, state: str) -> None:
    """Wait until a transport has told of a state."""
    if transport.state == state:
        return
    done = asyncio.Event()

    def look() -> None:
        if transport.state == state:
            done.set()

    transport.on("statechange", look)
    await within(done.wait())


async def test_transports_are_there_with_the_description_and_one_for_a_bundle() -> None:
    async with pair() as (left, right):
        sender = left.addTransceiver("audio").sender
        channel = left.createDataChannel("chat")
        assert (left.sctp, sender.transport) == (None, None)
        await left.setLocalDescription()
        sctp, audio = left.sctp, sender.transport
        assert sctp is not None
        assert (sctp.state, sctp.maxChannels, sctp.maxMessageSize) == ("connecting", None, 65_536)
        await connect(left, right)
        await opened(channel)

        assert left.sctp is sctp
        assert sctp.transport is sender.transport is audio
        (receiver,) = right.getReceivers()
        assert right.sctp is not None
        assert receiver.transport is right.sctp.transport is not None


async def test_sctp_of_an_answerer_is_there_with_the_offer() -> None:
    async with pair() as (left, right):
        left.createDataChannel("chat")
        await left.setLocalDescription()
        assert left.localDescription is not None
        await right.setRemoteDescription(left.localDescription)
        assert right.sctp is not None
        assert (right.sctp.state, right.sctp.maxChannels) == ("connecting", None)


async def test_states_and_parameters_of_connected_transports() -> None:
    async with connected_pair() as (left, right, channel):
        for pc, other in ((left, right), (right, left)):
            dtls, theirs = transport_of(pc), transport_of(other)
            ice = dtls.iceTransport
            await reached(dtls, "connected")
            assert ice.state in ("connected", "completed")
            assert ice.component == "rtp"
            (der,) = theirs.getRemoteCertificates()
            (shown,) = pc.security.transports
            assert Fingerprint.of_certificate(der, HashFunction.SHA256) == shown.local_fingerprint
            mine, other_ice = ice.getLocalParameters(), theirs.iceTransport
            assert mine is not None
            assert mine == other_ice.getRemoteParameters()
            assert f"a=ice-ufrag:{mine.usernameFragment}\r\n" in described(pc)
            selected, far = ice.getSelectedCandidatePair(), other_ice.getSelectedCandidatePair()
            assert selected is not None
            assert far is not None
            assert selected.local in ice.getLocalCandidates()
            assert selected.local.candidate in described(pc)
            assert address(selected.local) == address(far.remote)
            assert ice.getRemoteCandidates()
        roles = {transport_of(pc).iceTransport.role for pc in (left, right)}
        assert roles == {"controlling", "controlled"}
        sctp = left.sctp
        assert sctp is not None
        await reached(sctp, "connected")
        assert sctp.maxChannels == 65_535
        assert sctp.maxMessageSize == 262_144
        assert channel.id is not None


def described(pc: PeerConnection) -> str:
    assert pc.localDescription is not None
    return pc.localDescription.sdp


def address(candidate: Any) -> list[str]:
    words: list[str] = candidate.candidate.split()
    return words[4:6]


async def test_states_are_told_in_their_order_to_the_end() -> None:
    async with pair() as (left, right):
        channel = left.createDataChannel("chat")
        await left.setLocalDescription()
        dtls, sctp = transport_of(left), left.sctp
        assert sctp is not None
        told: dict[str, list[str]] = {"ice": [], "dtls": [], "sctp": [], "gathering": []}
        ice = dtls.iceTransport
        ice.on("statechange", lambda: told["ice"].append(ice.state))
        ice.on("gatheringstatechange", lambda: told["gathering"].append(ice.gatheringState))
        dtls.on("statechange", lambda: told["dtls"].append(dtls.state))
        sctp.on("statechange", lambda: told["sctp"].append(sctp.state))
        paired = asyncio.Event()
        ice.on("selectedcandidatepairchange", paired.set)
        await connect(left, right)
        await opened(channel)
        await reached(sctp, "connected")
        await within(paired.wait())
        await left.close()
        for each in (dtls, ice, sctp):
            await reached(each, "closed")
    assert told["dtls"] == ["connecting", "connected", "closed"]
    assert told["sctp"] == ["connected", "closed"]
    assert told["ice"][:2] == ["checking", "connected"]
    assert told["ice"][-1] == "closed"
    assert told["gathering"] == ["gathering", "complete"]


async def test_transports_are_the_same_through_an_ice_restart_and_new_keys() -> None:
    async with connected_pair() as (left, right, _):
        dtls, ice = transport_of(left), transport_of(left).iceTransport
        former = ice.getLocalParameters()
        left.restartIce()
        await exchange(left, right)
        assert transport_of(left) is dtls
        assert isinstance(dtls.iceTransport, IceTransport)
        assert dtls.iceTransport is ice
        assert ice.getLocalParameters() != former


async def test_a_transport_that_bundle_leaves_empty_is_closed() -> None:
    async with pair(left=loopback(bundlePolicy=BundlePolicy.MAX_COMPAT)) as (left, right):
        first, second = (left.addTransceiver(kind).sender for kind in ("audio", "video"))
        await left.setLocalDescription()
        kept, left_over = first.transport, second.transport
        assert kept is not None
        assert left_over is not None
        assert kept is not left_over
        await connect(left, right)
        assert first.transport is second.transport is kept
        await reached(left_over, "closed")
        await reached(left_over.iceTransport, "closed")


async def test_rollback_takes_the_transports_away_again() -> None:
    async with pair() as (left, _):
        transceiver = left.addTransceiver("audio")
        left.createDataChannel("chat")
        await left.setLocalDescription()
        gone = transceiver.sender.transport
        assert gone is not None
        await left.setLocalDescription(SessionDescription("", SdpType.ROLLBACK))
        assert (left.sctp, transceiver.sender.transport) == (None, None)
        await reached(gone, "closed")
        await left.setLocalDescription()
        assert transceiver.sender.transport is not None
        assert left.sctp is not None


async def test_error_of_the_dtls_transport_names_a_wrong_fingerprint() -> None:
    async with pair() as (left, right):
        channel: DataChannel = left.createDataChannel("chat")
        await left.setLocalDescription()
        dtls = transport_of(left)
        failed: asyncio.Future[DtlsError] = asyncio.get_running_loop().create_future()
        dtls.on("error", failed.set_result)
        await left.gathering_complete()
        assert left.localDescription is not None
        await right.setRemoteDescription(left.localDescription)
        await right.setLocalDescription()
        await right.gathering_complete()
        assert right.localDescription is not None
        line = next(each for each in described(right).splitlines() if "a=fingerprint" in each)
        wrong = line[:-2] + ("00" if line[-2:] != "00" else "11")
        answer = described(right).replace(line, wrong)
        await left.setRemoteDescription(SessionDescription(answer, SdpType.ANSWER))
        error = await within(failed)
        assert error.errorDetail == "fingerprint-failure"
        await reached(dtls, "failed")
        assert channel.readyState != "open"


def test_unknown_events_of_transports_are_refused() -> None:
    async def ask() -> None:
        async with connected_pair() as (left, _, _):
            for each in (left.sctp, transport_of(left), transport_of(left).iceTransport):
                with pytest.raises(ValueError, match="its events are 'statechange'"):
                    each.on("statechanged")  # type: ignore[union-attr, call-overload]  # the fault

    asyncio.run(ask())
