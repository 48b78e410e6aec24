"""Connection events reach their handlers, and handlers end with the connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from peer.errors import InvalidStateError
from peer.events import ConnectionEmitter, EventName, ForkEmitter
from peer.rtp.tracks import MediaStreamError
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from peer import DataChannel

CHANGE = EventName.SIGNALING_STATE_CHANGE


async def let_handlers_run() -> None:
    """Let every task run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_event_handlers_are_called_in_order_with_the_argument() -> None:
    events, log = ConnectionEmitter(), list[object]()
    events.on("track", lambda event: log.append((1, event)))
    events.on("track", lambda event: log.append((2, event)))

    assert events.emit(EventName.TRACK, "event")

    assert log == [(1, "event"), (2, "event")]


async def test_emit_returns_false_without_handlers() -> None:
    assert not ConnectionEmitter().emit(CHANGE)


@pytest.mark.parametrize("name", ["", "tracks", "Track", "message"])
def test_unknown_event_name_is_refused(name: str) -> None:
    events = ConnectionEmitter()

    with pytest.raises(ValueError, match="its events are 'track', 'datachannel'"):
        events.on(name, print)
    with pytest.raises(ValueError, match="its events are 'track', 'datachannel'"):
        events.remove_listener(name, print)


async def test_removed_event_handler_is_not_called() -> None:
    events, log = ConnectionEmitter(), list[str]()

    def handler() -> None:
        log.append("called")

    events.on(CHANGE, handler)
    events.remove_listener(CHANGE, handler)
    events.remove_listener(CHANGE, handler)

    assert not events.emit(CHANGE)
    assert log == []


async def test_event_handler_may_remove_itself() -> None:
    events, log = ConnectionEmitter(), list[str]()

    def once() -> None:
        events.remove_listener(CHANGE, once)
        log.append("once")

    events.on(CHANGE, once)
    events.on(CHANGE, lambda: log.append("always"))
    events.emit(CHANGE)
    events.emit(CHANGE)

    assert log == ["once", "always", "always"]


async def test_coroutine_event_handler_runs_as_task() -> None:
    events, log = ConnectionEmitter(), list[str]()

    async def handler() -> None:
        log.append("handler")

    events.on(CHANGE, handler)
    events.emit(CHANGE)
    log.append("emitter")
    await let_handlers_run()

    assert log == ["emitter", "handler"]


async def test_event_handler_that_raises_does_not_stop_others(loop_complaints: list[str]) -> None:
    events, log = ConnectionEmitter(), list[str]()

    def bad() -> None:
        raise RuntimeError("my fault")

    events.on(CHANGE, bad)
    events.on(CHANGE, lambda: log.append("called"))
    events.emit(CHANGE)

    assert log == ["called"]
    assert "a handler of PeerConnection 'signalingstatechange' raised" in loop_complaints[0]
    assert "my fault" in loop_complaints[0]
    loop_complaints.clear()


async def test_exception_of_coroutine_event_handler_is_reported(loop_complaints: list[str]) -> None:
    events = ConnectionEmitter()

    async def bad() -> None:
        raise RuntimeError("my fault")

    events.on(CHANGE, bad)
    events.emit(CHANGE)
    await let_handlers_run()

    assert (
        "handler of PeerConnection 'signalingstatechange' raised RuntimeError: my fault"
        in loop_complaints[0]
    )
    loop_complaints.clear()


async def test_event_handler_that_ends_with_its_track_is_not_reported() -> None:
    events = ConnectionEmitter()

    async def reads() -> None:
        raise MediaStreamError

    events.on(CHANGE, reads)
    events.emit(CHANGE)
    await let_handlers_run()


@pytest.mark.parametrize("ending", [True, False])
async def test_event_handler_overtaken_by_close_is_not_reported(
    ending: bool, loop_complaints: list[str]
) -> None:
    events = ConnectionEmitter()

    async def operates() -> None:
        raise InvalidStateError("the connection is closed")

    events.on(CHANGE, operates)
    events.emit(CHANGE)
    if ending:
        events.expect_end()
    await let_handlers_run()

    assert bool(loop_complaints) is not ending
    loop_complaints.clear()


async def test_close_cancels_event_handlers_and_removes_them() -> None:
    events, log = ConnectionEmitter(), list[str]()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("ended")

    events.on(CHANGE, waits)
    events.emit(CHANGE)
    await let_handlers_run()
    await events.close()

    assert log == ["ended"]
    assert not events.emit(CHANGE)


async def test_event_handler_that_closes_is_not_cancelled() -> None:
    events, finished = ConnectionEmitter(), asyncio.Event()

    async def closes() -> None:
        events.expect_end()
        await events.close()
        finished.set()

    events.on(CHANGE, closes)
    events.emit(CHANGE)

    async with asyncio.timeout(DEADLINE):
        await finished.wait()


async def test_events_of_a_fork_are_kept_for_their_first_handler_in_order_and_bounded() -> None:
    events = ForkEmitter()
    told: list[object] = []
    for number in range(300):
        events.emit("track", number)
    events.emit(CHANGE)
    events.on("track", told.append)
    assert told == []
    await let_handlers_run()
    assert told == list(range(44, 300))
    events.emit("track", "later")
    assert told[-1] == "later"
    events.emit("datachannel", "never asked for")
    await events.close()


def test_event_names_are_those_of_w3c_and_ours() -> None:
    assert set(EventName) == {
        "track",
        "datachannel",
        "icecandidate",
        "icecandidateerror",
        "negotiationneeded",
        "signalingstatechange",
        "icegatheringstatechange",
        "iceconnectionstatechange",
        "connectionstatechange",
        "rekeyed",
        "rekeyfailed",
        "unencrypted",
        "sdeskeys",
        "peercertificate",
        "phrase",
        "phrasemessage",
    }


class Channel:
    """A data channel that logs when it may fire `open`."""

    def __init__(self, log: list[object]) -> None:
        self.log = log

    def announce_open(self) -> None:
        self.log.append("may open")


async def test_channel_of_a_fork_opens_once_its_event_has_a_handler() -> None:
    events, log = ForkEmitter(), list[object]()
    channel = cast("DataChannel", Channel(log))
    events.emit_channel(channel)
    await let_handlers_run()
    assert log == []
    events.on("datachannel", lambda event: log.append(event.channel))
    await let_handlers_run()
    assert log == [channel, "may open"]
    events.emit_channel(channel)
    assert log == [channel, "may open"] * 2
