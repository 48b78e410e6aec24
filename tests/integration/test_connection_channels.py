"""Data channels of a connection (webrtc-pc section 6)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from peer import ConfigurationError, InvalidAccessError, PeerConnection
from tests.support.negotiation.connection_state import refused
from tests.support.negotiation.connections import (
    both_connected,
    connect,
    connected_pair,
    exchange,
    expected,
    loopback,
    opened,
    pair,
    says,
    within,
)

if TYPE_CHECKING:
    from peer import DataChannel


async def test_a_channel_connects_and_opens_with_the_connection() -> None:
    async with pair() as (left, right):
        channel = left.createDataChannel("chat")
        assert channel.readyState == "connecting"
        await connect(left, right)
        await opened(channel)

        assert channel.readyState == "open"


async def test_the_peer_learns_what_a_channel_is_like() -> None:
    async with pair() as (left, right):
        coming = expected(right, "datachannel")
        left.createDataChannel(
            "Gespräch ☎", ordered=False, maxRetransmits=3, protocol="handfast.test"
        )
        await connect(left, right)
        channel = (await within(coming)).channel

        assert (channel.label, channel.protocol) == ("Gespräch ☎", "handfast.test")
        assert (channel.ordered, channel.maxRetransmits) == (False, 3)
        assert channel.maxPacketLifeTime is None
        assert channel.readyState == "open"


async def test_messages_are_text_or_bytes() -> None:
    async with pair() as (left, right):
        coming = expected(right, "datachannel")
        channel = left.createDataChannel("chat")
        await connect(left, right)
        await opened(channel)
        other = (await within(coming)).channel

        for message in ("text", b"bytes", "", b"", "x" * 50_000):
            arriving = expected(other, "message")
            channel.send(message)
            assert await within(arriving) == message


async def test_channels_created_by_both_before_they_connect() -> None:
    async with pair() as (left, right):
        theirs, ours = expected(left, "datachannel"), expected(right, "datachannel")
        from_left, from_right = left.createDataChannel("left"), right.createDataChannel("right")
        await connect(left, right)

        assert (await within(ours)).channel.label == "left"
        assert (await within(theirs)).channel.label == "right"
        await asyncio.gather(opened(from_left), opened(from_right))
        assert from_left.id != from_right.id


@pytest.mark.parametrize("early", [True, False])
async def test_a_negotiated_channel_is_made_by_both(early: bool) -> None:
    async with pair() as (left, right):
        announced = expected(right, "datachannel")

        def create() -> list[DataChannel]:
            return [pc.createDataChannel("agreed", negotiated=True, id=7) for pc in (left, right)]

        if early:
            channels = create()
            await connect(left, right)
        else:
            left.createDataChannel("first")
            await connect(left, right)
            await within(announced)
            channels = create()
        await asyncio.gather(*(opened(channel) for channel in channels))

        await says(channels[0], "there", channels[1])
        await says(channels[1], "and back", channels[0])
        assert early is not announced.done()


async def test_a_channel_closes_at_both_ends() -> None:
    async with connected_pair() as (left, right, _):
        coming = expected(right, "datachannel")
        channel = left.createDataChannel("short")
        other = (await within(coming)).channel
        await opened(channel)

        ends = [expected(end, "close") for end in (channel, other)]
        channel.close()
        await within(asyncio.gather(*ends))

        assert channel.readyState == other.readyState == "closed"


async def test_all_channels_close_with_the_connection() -> None:
    async with connected_pair() as (left, right, channel):
        never = left.createDataChannel("never opened")
        coming = expected(right, "datachannel")
        other = left.createDataChannel("other")
        theirs = (await within(coming)).channel
        await left.close()

        for each in (channel, never, other):
            assert each.readyState == "closed"
        if theirs.readyState != "closed":
            await within(expected(theirs, "close"))


async def test_channels_of_a_connection_that_never_was_close() -> None:
    pc = PeerConnection(loopback())
    channel = pc.createDataChannel("x")
    await pc.close()

    assert channel.readyState == "closed"


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "both limits": (
        {"maxRetransmits": 1, "maxPacketLifeTime": 1},
        ConfigurationError,
        "exclude each other",
    ),
    "negotiated without id": ({"negotiated": True}, ConfigurationError, "needs an id"),
    "id too large": ({"negotiated": True, "id": 65_535}, ConfigurationError, "65534"),
    "negative": ({"maxRetransmits": -1}, ConfigurationError, "between 0 and 65535"),
    "long label": ({"label": "ä" * 40_000}, ConfigurationError, "80000 bytes"),
    "no text": ({"label": "\ud800"}, ConfigurationError, "not Unicode"),
    "id in use": ({"negotiated": True, "id": 4}, InvalidAccessError, "id 4 exists"),
}


@pytest.mark.parametrize(("options", "error", "words"), BAD.values(), ids=BAD.keys())
async def test_a_channel_that_cannot_be_is_refused(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    async with PeerConnection(loopback()) as pc:
        pc.createDataChannel("taken", negotiated=True, id=4)
        async with refused(pc, error, words):
            pc.createDataChannel(**{"label": "bad", **options})


async def test_a_refused_first_channel_asks_for_nothing() -> None:
    async with PeerConnection(loopback()) as pc:
        needed = expected(pc, "negotiationneeded")
        with pytest.raises(ConfigurationError):
            pc.createDataChannel("bad", negotiated=True)
        await asyncio.sleep(0)

        assert not needed.done()
        assert "m=application" not in (await pc.createOffer()).sdp


async def test_data_joins_a_call_that_had_none() -> None:
    async with pair() as (left, right):
        left.addTransceiver("audio")
        await connect(left, right)
        channel = right.createDataChannel("late")
        coming = expected(left, "datachannel")
        await exchange(right, left)
        await both_connected(left, right)

        assert (await within(coming)).channel.label == "late"
        await opened(channel)


async def test_the_peer_that_answers_passively_opens_channels_too() -> None:
    async with connected_pair(right=loopback(answer_role="passive")) as (left, right, channel):
        assert channel.id is not None
        # RFC 8832 section 6: the DTLS client has the even ids, and here the offerer is the client.
        assert channel.id % 2 == 0
        coming = expected(left, "datachannel")
        back = right.createDataChannel("back")
        await opened(back)
        assert back.id is not None
        assert back.id % 2 == 1

        await says(back, "hello", (await within(coming)).channel)
