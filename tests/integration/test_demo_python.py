"""Owns the proof of the demo without a browser: another Python peer calls it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import httpx
import pytest

from handfast.demo import DemoOptions, open_demo
from handfast.demo.site import SIGNALING_PATH
from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer import Certificate, PeerConnection
from peer.tracing.events import FingerprintChecked
from peer.tracing.file import read_trace
from peer.transport.ice.timing import IceTiming
from signaling import Channel, ChannelClosed, JoinError, Negotiator, Offer, connect
from tests.support.browser.complaints import complaints
from tests.support.clock.idle_time import AT_ONCE, end_of
from tests.support.clock.own_time import own_time
from tests.support.media.frames import has_label
from tests.support.negotiation.connection_media import hears
from tests.support.negotiation.connections import until, within
from tests.support.network.process_end import send_signal
from tests.support.project.handfast_program import handfast_program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from peer import MediaStreamTrack, TrackEvent


#: Seconds. A connection whose peer is merely silent is given up only after these.
CONSENT_EXPIRY = IceTiming().consent_expiry


@dataclass
class _Call:
    """A call to the demo; `tracks` are those that come back, by kind."""

    pc: PeerConnection
    tracks: dict[str, MediaStreamTrack] = field(default_factory=dict)

    def take(self, event: TrackEvent) -> None:
        self.tracks[event.track.kind] = event.track


def _room_of(page: str) -> str:
    return page.replace("http", "ws", 1).rstrip("/") + SIGNALING_PATH


@contextlib.asynccontextmanager
async def _call_to(page: str) -> AsyncIterator[_Call]:
    async with (
        await connect(_room_of(page), room="demo", name="caller", reconnect=None) as channel,
        PeerConnection() as pc,
        asyncio.TaskGroup() as tasks,
    ):
        call = _Call(pc)
        pc.on("track", call.take)
        tasks.create_task(Negotiator(pc, channel, polite=channel.polite).run())
        yield call
        await pc.close()


async def test_picture_and_sound_come_back() -> None:
    async with open_demo(DemoOptions(port=0)) as demo, _call_to(demo.url) as call:
        call.pc.addTrack(SyntheticVideoTrack(width=320, height=240))
        call.pc.addTrack(SyntheticAudioTrack(pitch=523))
        await call.pc.connected()

        picture = await call.tracks["video"].recv()
        await hears(call.tracks["audio"], 523)

    assert has_label(picture)


async def test_demo_echoes_data_channel_messages() -> None:
    async with open_demo(DemoOptions(port=0)) as demo, _call_to(demo.url) as call:
        channel = call.pc.createDataChannel("round-trip", ordered=False, maxRetransmits=0)
        returned = asyncio.get_running_loop().create_future()
        channel.on("message", returned.set_result)
        channel.on("open", lambda: channel.send("17"))

        assert await returned == "17"


async def test_demo_reports_received_media() -> None:
    async with open_demo(DemoOptions(port=0)) as demo, _call_to(demo.url) as call:
        call.pc.addTrack(SyntheticVideoTrack(width=320, height=240))
        reports: asyncio.Queue[str | bytes] = asyncio.Queue()
        call.pc.createDataChannel("report").on("message", reports.put_nowait)

        report = json.loads(await reports.get())
        while report["picture"] is None:
            report = json.loads(await reports.get())

    assert (report["picture"]["width"], report["picture"]["height"]) == (320, 240)
    assert report["picture"]["frames"] > 0
    assert report["sound"] is None
    assert report["transport"]["dtlsRole"] in ("client", "server")


async def test_demo_sends_its_ladder_to_the_page() -> None:
    async with open_demo(DemoOptions(port=0)) as demo, _call_to(demo.url) as call:
        parts: asyncio.Queue[str | bytes] = asyncio.Queue()
        call.pc.createDataChannel("ladder").on("message", parts.put_nowait)

        rows = json.loads(await parts.get())["rows"]

    assert [row["label"] for row in rows if row["row"] == "arrow"][:2] == ["offer", "answer"]
    assert any("ClientHello" in row.get("label", "") for row in rows)


async def test_a_trace_of_each_call_is_saved(tmp_path: Path) -> None:
    async with open_demo(DemoOptions(port=0, traces=tmp_path)) as demo:
        for _ in range(2):
            async with _call_to(demo.url) as call:
                call.pc.createDataChannel("round-trip")
                await call.pc.connected()
            await demo.host.until(lambda visits: not visits)

    files = os.listdir(tmp_path)
    assert len(files) == 2
    for events in (read_trace(tmp_path / file) for file in files):
        assert any(isinstance(event, FingerprintChecked) and event.matches for event in events)


async def test_a_trace_can_be_read_while_the_call_goes_on(tmp_path: Path) -> None:
    async with (
        open_demo(DemoOptions(port=0, traces=tmp_path)) as demo,
        _call_to(demo.url) as call,
    ):
        reports: asyncio.Queue[str | bytes] = asyncio.Queue()
        call.pc.createDataChannel("report").on("message", reports.put_nowait)
        await reports.get()

        (file,) = os.listdir(tmp_path)
        events = read_trace(tmp_path / file)

    assert any(isinstance(event, FingerprintChecked) for event in events)


async def test_only_one_track_of_a_kind_is_returned() -> None:
    async with open_demo(DemoOptions(port=0)) as demo, _call_to(demo.url) as call:
        for _ in range(3):
            call.pc.addTrack(SyntheticVideoTrack(width=64, height=48))
        await call.pc.connected()

        senders = demo.host.visits[0].connection.getSenders()
        assert len([sender for sender in senders if sender.track is not None]) == 1


async def test_a_caller_that_leaves_is_forgotten() -> None:
    async with open_demo(DemoOptions(port=0)) as demo:
        async with _call_to(demo.url) as call:
            call.pc.createDataChannel("round-trip")
            await call.pc.connected()
            visit = demo.host.visits[0]

        async with asyncio.timeout(CONSENT_EXPIRY):
            await demo.host.until(lambda visits: not visits)
        assert visit.connection.connectionState == "closed"


async def test_a_visitor_that_makes_no_call_is_sent_away() -> None:
    async with (
        open_demo(DemoOptions(port=0, timeout=0.05)) as demo,
        await connect(_room_of(demo.url), room="demo", reconnect=None) as channel,
    ):
        with pytest.raises(ChannelClosed, match="no call came"):
            await channel.receive()


async def test_a_visitor_whose_offers_are_nonsense_is_sent_away_and_others_are_not() -> None:
    async with open_demo(DemoOptions(port=0)) as demo:
        async with await connect(_room_of(demo.url), room="demo", reconnect=None) as channel:
            for _ in range(3):
                await channel.send(Offer(sdp="nonsense"))
            with pytest.raises(ChannelClosed, match="3 descriptions in a row were refused"):
                await _read_to_the_end(channel)

        async with _call_to(demo.url) as call:
            call.pc.createDataChannel("round-trip")
            await call.pc.connected()


async def _read_to_the_end(channel: Channel) -> NoReturn:
    while True:
        await channel.receive()


async def test_one_visitor_too_many_is_refused() -> None:
    async with open_demo(DemoOptions(port=0, visitors=1)) as demo, _call_to(demo.url):
        with pytest.raises(JoinError, match="room-full"):
            async with _call_to(demo.url):
                pass


async def test_ctrl_c_during_a_call_ends_the_program_at_once_and_without_complaint() -> None:
    async with handfast_program("demo", "--port", "0", dev_mode=True) as program:
        assert program.stdout is not None
        said = (await within(program.stdout.readuntil(b"Ctrl-C"))).decode()
        url = next(word for word in said.split() if word.startswith("http://"))
        async with _call_to(url) as call:
            call.pc.addTrack(SyntheticVideoTrack(width=320, height=240))
            call.pc.addTrack(SyntheticAudioTrack())
            await call.pc.connected()
            await call.tracks["video"].recv()

            send_signal(program, signal.SIGINT)
            errors, idle = await end_of(program)

    assert idle < AT_ONCE
    assert complaints(errors) == []
    assert program.returncode == 0


async def test_closing_the_demo_ends_the_calls_and_every_task() -> None:
    before = asyncio.all_tasks()
    async with contextlib.AsyncExitStack() as stack:
        async with open_demo(DemoOptions(port=0)) as demo:
            call = await stack.enter_async_context(_call_to(demo.url))
            call.pc.createDataChannel("round-trip")
            await call.pc.connected()
            took = stack.enter_context(own_time())
        assert took.seconds < 2

    # The web server does not wait for the tasks that it cancels.
    await until(lambda: asyncio.all_tasks() == before)


async def test_https_is_served_with_a_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate_pem, key_pem = Certificate.generate().to_pem()
    certificate.write_bytes(certificate_pem)
    key.write_bytes(key_pem)
    trust = ssl.create_default_context(cafile=certificate)
    trust.check_hostname = False
    trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    options = DemoOptions(port=0, certfile=certificate, keyfile=key)

    async with open_demo(options) as demo, httpx.AsyncClient(verify=trust) as client:
        page = await client.get(demo.url)

    assert demo.url.startswith("https://")
    assert "<title>handfast</title>" in page.text
