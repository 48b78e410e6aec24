from __future__ import annotations

import asyncio

import pytest

from signaling import Candidate, ChannelClosed, ChannelLost, Offer, PeerChannel
from signaling.messages import Bye, Peer, ProgramNote, Relayed
from tests.support.clock.cancelling import cancelled_at


class Post:
    """Where a channel sends."""

    def __init__(self) -> None:
        self.sent: list[Relayed] = []
        self.closed = False

    async def send(self, message: Relayed) -> None:
        if self.closed:
            raise ChannelClosed("the room is closed")
        self.sent.append(message)


@pytest.fixture
async def post() -> Post:
    return Post()


@pytest.fixture
async def channel(post: Post) -> PeerChannel:
    return PeerChannel(Peer(member="m1", name="page"), polite=True, send=post.send)


async def test_peer_channel_addresses_messages_to_its_peer(
    channel: PeerChannel, post: Post
) -> None:
    await channel.send(Offer(sdp="v"))
    assert post.sent == [Offer(sdp="v", to="m1")]


async def test_notes_go_to_the_peer_until_the_channel_has_ended(
    channel: PeerChannel, post: Post
) -> None:
    await channel.note(label="ladder", text="{}")
    assert post.sent == [ProgramNote(label="ladder", text="{}", to="m1")]
    channel.end(ChannelClosed("the peer left the room"))
    with pytest.raises(ChannelClosed, match="the peer left the room"):
        await channel.note(label="ladder", text="{}")


async def test_closing_says_goodbye_to_the_peer_once(channel: PeerChannel, post: Post) -> None:
    await channel.close("x" * 2000)
    await channel.close("again")
    assert post.sent == [Bye(reason="x" * 1024, to="m1")]


async def test_a_close_that_is_cancelled_before_its_goodbye_says_it_when_called_again() -> None:
    sent: list[Relayed] = []
    has_room = asyncio.Event()

    async def send(message: Relayed) -> None:
        await has_room.wait()
        sent.append(message)

    channel = PeerChannel(Peer(member="m1"), polite=True, send=send)
    assert await cancelled_at(2, channel.close("over"))
    has_room.set()
    await channel.close("over")
    await channel.close("again")
    assert sent == [Bye(reason="over", to="m1")]


async def test_closing_in_a_room_that_is_closed_is_no_error(
    channel: PeerChannel, post: Post
) -> None:
    post.closed = True
    await channel.close()
    with pytest.raises(ChannelClosed, match="this end"):
        await channel.receive()


async def test_messages_that_arrived_before_the_end_can_be_received(channel: PeerChannel) -> None:
    channel.deliver(Offer(sdp="v"))
    channel.end(ChannelClosed("the end"))
    channel.deliver(Offer(sdp="late"))
    assert await channel.receive() == Offer(sdp="v")
    with pytest.raises(ChannelClosed, match="the end"):
        await channel.receive()


async def test_a_channel_that_nobody_receives_from_breaks(channel: PeerChannel) -> None:
    for number in range(300):
        channel.deliver(Candidate(candidate=str(number)))
    for number in range(256):
        assert await channel.receive() == Candidate(candidate=str(number))
    with pytest.raises(ChannelLost, match="received none"):
        await channel.receive()
    with pytest.raises(ChannelLost, match="received none"):
        await channel.send(Offer(sdp="v"))


async def test_repr_of_peer_channel_has_peer_and_state(channel: PeerChannel) -> None:
    assert repr(channel) == "<PeerChannel 'm1' open polite=True>"
    await channel.close()
    assert repr(channel) == "<PeerChannel 'm1' closed polite=True>"
