"""One offer that rings at two pages of Chromium and at a bot (RFC 5763 section 6.3)."""

from __future__ import annotations

import asyncio

import pytest

from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer import PeerConnection
from signaling import DeviceState, Opening, RingingDevice, join
from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.browser.room_client import RoomTab, rooms_with_page
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import within
from tests.support.network.asgi import serve
from tests.support.rooms.events import Watched


async def _is_seen(device: RingingDevice) -> None:
    receivers = [each.receiver for each in device.connection.getTransceivers()]
    (picture,) = [each.track for each in receivers if each.track.kind == "video"]
    await within(picture.recv())


@pytest.mark.browser("chromium")
async def test_two_pages_and_a_bot_answer_one_offer_early_and_one_page_is_kept() -> None:
    async with (
        asyncio.timeout(2 * DEADLINE),
        serve(rooms_with_page()) as url,
        open_browser(BrowserName.CHROMIUM) as browser,
        join(f"{url}/ws", room="r", name="bot", opening=Opening.EARLY_ANSWER) as bot,
    ):
        bot.publish(SyntheticVideoTrack(width=64, height=48))
        at_bot = Watched(bot)
        pages = {
            name: await RoomTab.join(
                browser, url, room="r", name=name, opening=Opening.EARLY_ANSWER
            )
            for name in ("phone", "laptop")
        }
        async with join(f"{url}/ws", room="r", name="caller") as room:
            pc = PeerConnection()
            pc.addTrack(SyntheticVideoTrack(width=64, height=48))
            pc.addTrack(SyntheticAudioTrack())
            async with room.ring(pc) as ringing:
                devices = [device async for device in ringing]
                assert {each.channel.peer.name for each in devices} == {"bot", *pages}
                for device in devices:
                    await device.connection.connected()
                    await _is_seen(device)
                    assert device.state is DeviceState.EARLY
                for page in pages.values():
                    await page.frames("caller")

                await pages["laptop"].value("void other('caller').accept()")
                kept = await ringing.accepted()
                await ringing.keep(kept)
                assert (await at_bot.event("participantleft")).reason == "answered elsewhere"
                await pages["phone"].tab.wait_for("left.join() === 'caller'")

            assert kept.channel.peer.name == "laptop"
            running = asyncio.create_task(kept.run())
            await _is_seen(kept)
            await pages["laptop"].more_frames("caller")
            await pages["laptop"].value("void other('caller').hangUp()")
            await running
        assert browser.complaints == []
