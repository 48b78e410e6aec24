"""Subscription to events: an unknown name is refused at once, by Python and by mypy.

Each `type: ignore` below is a fault that mypy has to find: it complains of one that is not needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media import AudioMixer, Composite, PushedAudio, Recorder
from peer import DataChannel, IceCandidateErrorEvent, PeerConnection, TrackEvent
from peer.emitter import EventEmitter
from peer.rtp.inbound.encoded_track import EncodedTrack
from tests.support.negotiation.connections import loopback


@asynccontextmanager
async def data_channel() -> AsyncIterator[DataChannel]:
    async with PeerConnection(loopback()) as pc:
        yield pc.createDataChannel("chat")


async def test_connection_lists_its_events() -> None:
    async with PeerConnection(loopback()) as pc:
        with pytest.raises(ValueError, match="'trck'; its events are 'track', 'datachannel'"):
            pc.on("trck", print)  # type: ignore[call-overload]  # the fault
        with pytest.raises(ValueError, match="PeerConnection has no event 'message'"):
            pc.on("message")  # type: ignore[call-overload]  # the fault
        with pytest.raises(ValueError, match="PeerConnection has no event 'trck'"):
            pc.remove_listener("trck", print)


async def test_handler_of_a_track_is_given_a_track_event() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.on("track", lambda event: event.track)
        pc.on("track", lambda event: event.trak)  # type: ignore[call-overload]  # the fault

        @pc.on("track")
        async def on_track(event: TrackEvent) -> None:
            await event.track.recv()

        @pc.on("connectionstatechange")  # type: ignore[arg-type]  # the fault
        def on_state(event: TrackEvent) -> None:
            pass

        pc.remove_listener("connectionstatechange", on_state)


async def test_handler_of_icecandidateerror_is_given_its_event() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.on("icecandidateerror", lambda event: event.errorCode)
        pc.on("icecandidateerror", lambda event: event.candidate)  # type: ignore[call-overload]  # the fault

        @pc.on("icecandidateerror")
        def on_error(event: IceCandidateErrorEvent) -> None:
            assert event.url

        pc.remove_listener("icecandidateerror", on_error)


async def test_data_channel_lists_its_events() -> None:
    async with data_channel() as channel:
        names = "'open', 'message', 'bufferedamountlow', 'error', 'closing', 'close'"
        for subscribe in (channel.on, channel.once, channel.add_listener):
            with pytest.raises(ValueError, match=f"'massage'; its events are {names}"):
                subscribe("massage", print)  # type: ignore[call-overload]  # the fault
        channel.on("message", lambda message: message.nothing)  # type: ignore[call-overload]  # the fault


async def test_track_has_one_event() -> None:
    track = PushedAudio()
    with pytest.raises(ValueError, match="PushedAudio has no event 'end'; its events are 'ended'"):
        track.on("end", print)  # type: ignore[call-overload]  # the fault
    ended: list[bool] = []
    track.on("ended", lambda: ended.append(True))
    track.stop()
    assert ended == [True]
    assert "on" in dir(EncodedTrack)


async def test_recorder_lists_its_events(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mkv")
    with pytest.raises(ValueError, match="'done'; its events are 'progress', 'error', 'segment'"):
        recorder.on("done", print)  # type: ignore[call-overload]  # the fault
    recorder.on("segment", lambda segment: segment.pat)  # type: ignore[call-overload]  # the fault


async def test_mixers_have_one_event_and_nothing_of_pyee() -> None:
    async with AudioMixer() as mixer, Composite() as composite:
        for emitter in (mixer, composite):
            with pytest.raises(ValueError, match="its events are 'left'"):
                emitter.on("gone", print)  # type: ignore[call-overload]  # the fault
            assert not hasattr(emitter, "emit")
            assert not hasattr(emitter, "listens_to")


async def test_handler_may_be_called_once_only() -> None:
    heard: list[object] = []
    async with data_channel() as channel:
        channel.once("message", heard.append)
        channel.emit("message", "first")
        channel.emit("message", "second")
    assert heard == ["first"]


async def test_failing_message_handler_is_reported_each_time(loop_complaints: list[str]) -> None:
    heard: list[object] = []

    def fail(message: object) -> None:
        raise RuntimeError(f"fault at {message}")

    async with data_channel() as channel:
        channel.on("message", fail)
        channel.on("message", heard.append)
        channel.emit("message", "one")
        channel.emit("message", "two")
    assert heard == ["one", "two"]
    first, second = loop_complaints
    assert "a handler of DataChannel 'message' raised" in first
    assert "Traceback" in second
    assert "fault at two" in second
    loop_complaints.clear()


async def test_failing_coroutine_handler_is_reported(loop_complaints: list[str]) -> None:
    emitter = EventEmitter("Bell", ("ring",))

    async def fail() -> None:
        raise RuntimeError("my fault")

    emitter.on("ring", fail)
    emitter.emit("ring")
    await emitter.join()
    await asyncio.sleep(0)
    assert "my fault" in loop_complaints[0]
    loop_complaints.clear()


def test_handler_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="a handler is a function, not str"):
        EventEmitter("Bell", ("ring",)).on("ring", "print")  # type: ignore[type-var]  # the fault


def test_failure_without_an_event_loop_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    emitter = EventEmitter("Bell", ("ring",))
    emitter.on("ring", lambda: 1 / 0)
    emitter.emit("ring")
    assert "a handler of Bell 'ring' raised" in caplog.text
    assert "ZeroDivisionError" in caplog.text
