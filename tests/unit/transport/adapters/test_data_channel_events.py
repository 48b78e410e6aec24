"""Events of a data channel: `open` before all others, `error` before `close` (webrtc-pc 6.2)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiortc.rtcsctptransport import AbortChunk, ShutdownChunk

from peer.transport.adapters.data_channel import BEFORE_OPEN_LIMIT
from peer.transport.wire.dcep import DataChannelOpen
from tests.support.links.data_ends import End, fragment, next_event, open_pair

if TYPE_CHECKING:
    from peer.errors import SctpError
    from peer.transport.sctp.transport import DataChannel

EVENTS = ("open", "message", "error", "closing", "close")


def log_of(channel: DataChannel) -> list[Any]:
    """Log the events of a channel, each with the state at that moment."""
    log: list[Any] = []

    def note(event: str) -> None:
        channel.on(event, lambda *_: log.append((event, str(channel.readyState))))  # type: ignore[call-overload]  # any

    for event in EVENTS:
        note(event)
    return log


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_open_fires_on_a_channel_of_the_peer_after_the_application_knows_it(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    left.transport.createDataChannel("chat")
    left.start()
    right.start()
    theirs = await right.channels.get()
    assert theirs.readyState == "open"
    log = log_of(theirs)
    await turns()
    assert log == [("open", "open")]


async def test_messages_that_come_with_a_channel_wait_for_its_open_event(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    await open_pair(left, right)
    logs: list[list[Any]] = []

    def on_channel(channel: DataChannel) -> None:
        # As a coroutine handler of `datachannel` does, it subscribes a turn later.
        asyncio.get_running_loop().call_soon(lambda: logs.append(log_of(channel)))
        channel.announce_open()

    left.tell = on_channel
    tsn = left.expected_tsn
    opening, text = (fragment(tsn + index, stream=101, flags=7) for index in range(2))
    opening.protocol, opening.user_data = 50, DataChannelOpen(label="late").encode()
    text.protocol, text.user_data = 51, b"first"
    left.transport.receive(left.forge(opening, text))
    await turns()
    assert logs == [[("open", "open"), ("message", "open")]]


async def test_a_negotiated_channel_on_a_standing_association_opens_by_a_later_task(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    await open_pair(left, right)
    channel = left.transport.createDataChannel("agreed", negotiated=True, id=7)
    assert channel.readyState == "connecting"
    log = log_of(channel)
    await turns()
    assert log == [("open", "open")]


async def test_open_does_not_fire_on_a_channel_that_its_datachannel_handler_closes(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    await open_pair(left, right)
    logs: list[list[Any]] = []

    def on_channel(channel: DataChannel) -> None:
        logs.append(log_of(channel))
        channel.send("bye")
        channel.close()
        channel.announce_open()

    right.tell = on_channel
    ours = left.transport.createDataChannel("late")
    heard = next_event(ours, "message")
    closed = next_event(ours, "close")
    assert await heard == "bye"
    await closed
    await turns()
    assert logs == [[("close", "closed")]]


async def test_closing_fires_at_the_end_that_did_not_close(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends)
    here, there = log_of(ours), log_of(theirs)
    await turns()
    there.clear()
    ours.close()
    assert ours.readyState == "closing"
    await turns()
    assert here == [("close", "closed")]
    assert there == [("closing", "closing"), ("close", "closed")]


async def test_error_says_that_the_peer_aborted_before_close(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    log = log_of(ours)
    errors: list[SctpError] = []
    ours.on("error", errors.append)
    abort = AbortChunk()
    # RFC 9260 section 3.3.10.12: user-initiated abort.
    abort.params = [(12, b"bye")]
    left.transport.receive(left.forge(abort))
    assert log == [("error", "closed"), ("close", "closed")]
    (error,) = errors
    assert (error.errorDetail, error.sctpCauseCode) == ("sctp-failure", 12)


@pytest.mark.parametrize("ended", ["by its peer", "by ourselves"])
async def test_a_regular_end_of_the_association_is_no_error(
    ends: tuple[End, End], ended: str
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    log = log_of(ours)
    if ended == "by its peer":
        left.transport.receive(left.forge(ShutdownChunk()))
    else:
        await left.transport.close()
    assert log == [("close", "closed")]


async def test_a_channel_that_was_never_announced_closes_by_a_later_task(
    ends: tuple[End, End],
) -> None:
    channel = ends[0].transport.createDataChannel("never")
    log = log_of(channel)
    channel.close()
    assert (channel.readyState, log) == ("closing", [])
    await turns()
    assert log == [("close", "closed")]
    ends[0].start()
    ends[1].start()
    await turns()
    assert ends[1].channels.empty()


async def test_messages_of_a_channel_that_nobody_is_told_of_are_bounded(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    await open_pair(left, right)
    right.tell = lambda channel: None
    ours = left.transport.createDataChannel("flood")
    logs = log_of(await right.channels.get())
    for _ in range(5):
        ours.send(bytes(BEFORE_OPEN_LIMIT // 4))
    await turns(3000)
    assert [event for event, _ in logs] == ["open", *["message"] * 5]


async def test_ids_are_known_with_the_roles_before_the_association(ends: tuple[End, End]) -> None:
    client, server = (end.transport for end in ends)
    early = [client.createDataChannel("a"), client.createDataChannel("b")]
    client.createDataChannel("agreed", negotiated=True, id=2)
    assert [channel.id for channel in early] == [None, None]
    for end in ends:
        end.transport.prepare(
            end.link.aiortc_dtls, remote_port=5000, remote_max_message_size=262_144
        )
    assert [channel.id for channel in early] == [0, 4]
    assert server.createDataChannel("c").id == 1


async def test_an_id_is_free_again_after_close(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    closed = next_event(ours, "close")
    ours.close()
    await closed
    assert left.transport.createDataChannel("again").id == ours.id


async def test_a_message_may_have_a_life_time_of_nothing(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends, maxPacketLifeTime=0)
    assert theirs.maxPacketLifeTime == 0
    heard = next_event(theirs, "message")
    ours.send("at once")
    assert await heard == "at once"


async def test_an_empty_message_counts_nothing(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends)
    heard = next_event(theirs, "message")
    ours.send("")
    assert ours.bufferedAmount == 0
    assert await heard == ""
    assert ours.bufferedAmount == 0


async def test_the_priority_of_a_channel_reaches_the_peer(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends, priority="high")
    assert (ours.priority, theirs.priority) == ("high", "high")
