"""W3C dictionaries and other objects given instead of our classes: a sentence names the class."""

from __future__ import annotations

from typing import Any

import pytest
from aiortc import RTCIceServer, RTCSessionDescription

from peer import (
    ConfigurationError,
    IceCandidate,
    IceServer,
    PeerConfiguration,
    PeerConnection,
    SessionDescription,
)
from tests.support.negotiation.connection_state import snapshot
from tests.support.negotiation.connections import local, loopback, pair

DICTIONARY: Any = {"type": "offer", "sdp": "v=0\r\n"}
CANDIDATE: Any = {"candidate": "candidate:1 1 udp 1 192.0.2.1 9000 typ host", "sdpMid": "0"}
TEXT: Any = "v=0\r\n"


@pytest.mark.parametrize("name", ["setRemoteDescription", "setLocalDescription"])
async def test_description_as_a_dictionary_or_a_text_is_refused_by_class(name: str) -> None:
    async with PeerConnection(loopback()) as pc:
        before = snapshot(pc)
        hint = rf"{name} takes a SessionDescription, not dict: SessionDescription\(\*\*...\) makes"
        with pytest.raises(TypeError, match=hint):
            await getattr(pc, name)(DICTIONARY)
        with pytest.raises(TypeError, match=f"{name} takes a SessionDescription, not str"):
            await getattr(pc, name)(TEXT)
        assert snapshot(pc) == before
    assert SessionDescription(**DICTIONARY).sdp == "v=0\r\n"


async def test_description_of_another_library_with_the_same_fields_is_taken() -> None:
    async with pair() as (left, right):
        left.createDataChannel("chat")
        await left.setLocalDescription()
        foreign: Any = RTCSessionDescription(local(left).sdp, "offer")
        await right.setRemoteDescription(foreign)
        assert right.signalingState == "have-remote-offer"


@pytest.mark.parametrize("wrong", [CANDIDATE, {}, CANDIDATE["candidate"], 3])
async def test_candidate_of_another_class_is_refused_by_class(wrong: Any) -> None:
    async with PeerConnection(loopback()) as pc:
        with pytest.raises(TypeError, match="addIceCandidate takes an IceCandidate, not "):
            await pc.addIceCandidate(wrong)
    assert IceCandidate(**CANDIDATE).sdpMid == "0"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SessionDescription(None, "offer"), "sdp of SessionDescription is a str"),  # type: ignore[arg-type]  # the fault
        (lambda: IceCandidate(CANDIDATE), "candidate of IceCandidate is a str, not dict"),
    ],
)
def test_value_that_is_no_text_is_refused_where_it_is_given(make: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make()


async def test_configuration_as_a_dictionary_is_refused_by_class() -> None:
    wrong: Any = {"iceServers": []}
    with pytest.raises(ConfigurationError, match=r"takes a PeerConfiguration, not dict: PeerCon"):
        PeerConnection(wrong)


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ([{"urls": "turn:a", "credential": "secret"}], r"an IceServer, not dict: IceServer\(\*\*"),
        ({"urls": "turn:a", "credential": "secret"}, "is a sequence of IceServer, not dict"),
        (IceServer("stun:a"), "is a sequence of IceServer, not IceServer"),
        ("stun:a", "is a sequence of IceServer, not str"),
        (["stun:a"], "takes an IceServer, not str"),
        ([RTCIceServer("stun:a")], "takes an IceServer, not RTCIceServer"),
        (None, "is a sequence of IceServer, not NoneType"),
    ],
)
def test_ice_server_of_another_class_is_refused_by_class(servers: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"iceServers .*{words}") as raised:
        PeerConfiguration(iceServers=servers)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("urls", [None, [], [1], {"urls": "stun:a"}])
def test_urls_of_an_ice_server_that_are_no_text_are_refused(urls: Any) -> None:
    with pytest.raises(ConfigurationError, match="urls of an IceServer is a str"):
        IceServer(urls)
