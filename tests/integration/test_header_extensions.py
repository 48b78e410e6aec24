"""Header extension control at a connection: `getHeaderExtensionsToNegotiate` and its relatives."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from peer import (
    ConfigurationError,
    InvalidModificationError,
    InvalidStateError,
    RtpHeaderExtensionCapability,
    RtpSender,
    RtpTransceiver,
)
from tests.support.negotiation.connections import exchange, only, pair

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
Extensions = list[RtpHeaderExtensionCapability]


def stop(transceiver: RtpTransceiver, uri: str) -> None:
    extensions = transceiver.getHeaderExtensionsToNegotiate()
    for each in extensions:
        if each.uri == uri:
            each.direction = "stopped"
    transceiver.setHeaderExtensionsToNegotiate(extensions)


def directions(extensions: Extensions) -> dict[str, str]:
    return {each.uri: each.direction for each in extensions}


async def test_header_extensions_of_get_capabilities_are_those_to_negotiate() -> None:
    able = RtpSender.getCapabilities("audio")
    assert able is not None
    async with pair() as (left, _):
        audio = left.addTransceiver("audio")
        assert list(able.headerExtensions) == audio.getHeaderExtensionsToNegotiate()
        assert set(directions(audio.getHeaderExtensionsToNegotiate()).values()) == {"sendrecv"}
        assert set(directions(audio.getNegotiatedHeaderExtensions()).values()) == {"stopped"}


async def test_stopped_header_extension_is_negotiated_by_neither_end() -> None:
    async with pair() as (left, right):
        ours = left.addTransceiver("video")
        stop(ours, SEND_TIME)
        await exchange(left, right)
        for each in (ours, only(right)):
            found = directions(each.getNegotiatedHeaderExtensions())
            assert (found[MID], found[SEND_TIME]) == ("sendrecv", "stopped")
            agreed = {extension.uri for extension in each.sender.getParameters().headerExtensions}
            assert SEND_TIME not in agreed
        assert directions(only(right).getHeaderExtensionsToNegotiate())[SEND_TIME] == "stopped"


async def test_list_of_header_extensions_is_a_copy() -> None:
    async with pair() as (left, _):
        audio = left.addTransceiver("audio")
        audio.getHeaderExtensionsToNegotiate()[1].direction = "stopped"
        assert audio.getHeaderExtensionsToNegotiate()[1].direction == "sendrecv"


def without_last(extensions: Extensions) -> Extensions:
    return extensions[:-1]


def with_one_more(extensions: Extensions) -> Extensions:
    return [*extensions, RtpHeaderExtensionCapability("urn:other")]


def turned(extensions: Extensions) -> Extensions:
    return extensions[::-1]


def renamed(extensions: Extensions) -> Extensions:
    return [RtpHeaderExtensionCapability("urn:other"), *extensions[1:]]


def nameless(extensions: Extensions) -> Extensions:
    return [RtpHeaderExtensionCapability(""), *extensions[1:]]


def without_mid(extensions: Extensions) -> Extensions:
    return [RtpHeaderExtensionCapability(MID, "stopped"), *extensions[1:]]


def sideways(extensions: Extensions) -> Extensions:
    return [RtpHeaderExtensionCapability(MID, "sideways"), *extensions[1:]]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (without_last, InvalidModificationError, "4 header extensions, there are 5"),
        (with_one_more, InvalidModificationError, "6 header extensions, there are 5"),
        (turned, InvalidModificationError, f"header extension 0 is {MID}"),
        (renamed, InvalidModificationError, "not 'urn:other'"),
        (nameless, ConfigurationError, "header extension 0 has no URI"),
        (without_mid, InvalidModificationError, f"BUNDLE needs {MID} sendrecv, not stopped"),
        (sideways, ConfigurationError, "'sideways' is no direction"),
    ],
)
async def test_unfit_header_extensions_are_refused_and_change_nothing(
    change: Callable[[Extensions], Extensions], error: type[Exception], words: str
) -> None:
    async with pair() as (left, _):
        audio = left.addTransceiver("audio")
        stop(audio, SEND_TIME)
        before = audio.getHeaderExtensionsToNegotiate()
        with pytest.raises(error, match=words):
            audio.setHeaderExtensionsToNegotiate(change(before))
        assert audio.getHeaderExtensionsToNegotiate() == before


async def test_header_extensions_of_a_stopped_transceiver_cannot_be_set() -> None:
    async with pair() as (left, _):
        audio = left.addTransceiver("audio")
        extensions = audio.getHeaderExtensionsToNegotiate()
        await audio.stop()
        with pytest.raises(InvalidStateError):
            audio.setHeaderExtensionsToNegotiate(extensions)
        assert set(directions(audio.getHeaderExtensionsToNegotiate()).values()) == {"stopped"}
