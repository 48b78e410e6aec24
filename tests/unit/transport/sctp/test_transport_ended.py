"""Data transports whose peer has ended the association, and comes again as another."""

from __future__ import annotations

import pytest
from aiortc.rtcsctptransport import AbortChunk

from peer.errors import InvalidStateError
from peer.states import SctpTransportState
from peer.transport.sctp.transport import DataTransport
from tests.support.links.data_ends import End, fragment, next_event, open_pair


async def _replaced(ends: tuple[End, End]) -> None:
    """The right end closes, and another takes its place."""
    left, right = ends
    await right.transport.close()
    await left.closed.wait()
    left.closed.clear()
    right.transport = DataTransport(on_channel=right.on_channel)
    right.link.on_data = right.transport.receive


@pytest.mark.parametrize("begins", ["both", "peer"])
async def test_data_channels_open_again_with_another_peer(
    ends: tuple[End, End], begins: str
) -> None:
    left, right = ends
    former, _ = await open_pair(left, right)
    for _ in range(5):
        await _replaced(ends)
        assert former.readyState == "closed"
        waiting = left.transport.createDataChannel("waiting")
        right.start()
        if begins == "both":
            left.transport.on_dtls_connected()
        theirs = await right.channels.get()
        heard = next_event(theirs, "message")
        waiting.send("hello")
        assert await heard == "hello"
        assert left.transport.state is SctpTransportState.CONNECTED
        former = waiting


async def test_a_packet_of_the_association_that_ended_begins_no_other(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    await open_pair(left, right)
    late = left.forge(fragment(left.expected_tsn))
    left.transport.receive(left.forge(AbortChunk()))
    left.transport.createDataChannel("waiting")
    sent = len(left.link.wire.sent)
    left.transport.receive(late)
    left.transport.receive(left.forge(AbortChunk()))
    assert len(left.link.wire.sent) == sent
    assert left.transport.state is SctpTransportState.NEW


async def test_another_peer_ends_the_channels_of_the_former_one(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    left.transport.on_new_peer()
    assert ours.readyState == "closed"
    # Once only, as a channel that waits belongs to the next one.
    waiting = left.transport.createDataChannel("waiting")
    left.transport.on_new_peer()
    assert waiting.readyState == "connecting"


async def test_a_data_transport_that_was_closed_here_begins_no_other(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    await open_pair(left, right)
    await left.transport.close()
    sent = len(left.link.wire.sent)
    left.transport.on_dtls_connected()
    left.start()
    assert len(left.link.wire.sent) == sent
    with pytest.raises(InvalidStateError):
        left.transport.createDataChannel("late")
