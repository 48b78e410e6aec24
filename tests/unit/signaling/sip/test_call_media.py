"""Offers and answers of a SIP call are whole descriptions, and a refused one leaves no trace."""

from __future__ import annotations

import socket

import pytest

from peer import (
    ConnectionState,
    DescriptionError,
    IceServer,
    PeerConfiguration,
    SignalingState,
)
from signaling.sip.call_media import CallMedia
from tests.support.negotiation.connections import within
from tests.support.peers.sip_phones import sounding


async def test_sip_offer_and_answer_hold_all_candidates() -> None:
    async with sounding() as caller, sounding() as called:
        here, there = CallMedia(caller), CallMedia(called)
        offer = (await here.offer()).sdp
        answer = (await there.answer(offer)).sdp
        assert "a=candidate:" in offer
        assert "a=candidate:" in answer
        await here.take_answer(answer)
        await within(caller.connected())
        assert caller.signalingState is SignalingState.STABLE


async def test_preview_of_a_sip_answer_connects_before_the_answer() -> None:
    async with sounding() as caller, sounding() as called:
        here = CallMedia(caller)
        answer = (await CallMedia(called).answer((await here.offer()).sdp)).sdp
        await here.preview(answer)
        await within(caller.connected())
        assert caller.signalingState is SignalingState.HAVE_REMOTE_PRANSWER
        await here.take_answer(answer)
        assert caller.connectionState is ConnectionState.CONNECTED


async def test_sip_offer_goes_without_the_candidates_of_a_silent_server() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = IceServer(urls=f"stun:127.0.0.1:{silent.getsockname()[1]}")
        async with sounding(PeerConfiguration(iceServers=(server,))) as caller:
            offer = (await within(CallMedia(caller, gathering=0.2).offer())).sdp
            assert " typ host" in offer
            assert "a=end-of-candidates" not in offer


async def test_sip_offer_that_is_refused_leaves_the_connection_stable() -> None:
    async with sounding() as called:
        with pytest.raises(DescriptionError):
            await CallMedia(called).answer("v=0\r\nthis is none")
        assert called.signalingState is SignalingState.STABLE


async def test_offer_that_nobody_answers_is_rolled_back() -> None:
    async with sounding() as caller:
        here = CallMedia(caller)
        await here.offer()
        await here.roll_back()
        assert caller.signalingState is SignalingState.STABLE
        await here.roll_back()
