"""Calls with linphone, a SIP phone that bundles where it answers, in either role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from peer import ConnectionState, IceConnectionState
from tests.support.negotiation.connections import reached, within
from tests.support.peers.linphone import Phone, until_told
from tests.support.peers.negotiated_session import small_video
from tests.support.peers.phone_calls import PhoneCall

Call = PhoneCall[Phone]
Story = Callable[[Call], Awaitable[None]]
Tell = Callable[[Path, Story], Awaitable[None]]

TIMES = 10
BOTH = ("audio", "video")

pytestmark = [pytest.mark.needs("linphone"), pytest.mark.xdist_group("peer-linphone")]


async def called(folder: Path, story: Story) -> None:
    """Tell the story of a call that we make."""

    async def tell(phone: Phone) -> None:
        call = PhoneCall(phone)
        async with call.pc:
            await call.offer()
            await phone.state("StreamsRunning")
            await talk(call)
            await story(call)

    await until_told(folder, tell)


async def calling(folder: Path, story: Story) -> None:
    """Tell the story of a call that the phone makes."""

    async def tell(phone: Phone) -> None:
        call = PhoneCall(phone)
        async with call.pc:
            await phone.dial()
            await call.answer()
            await phone.state("StreamsRunning")
            await talk(call)
            await story(call)

    await until_told(folder, tell)


either = pytest.mark.parametrize(
    ("call_it", "handshakes"),
    # It bundles nothing that it offers.
    [pytest.param(called, 1, id="called"), pytest.param(calling, 2, id="calling")],
)


async def talk(call: Call, *kinds: str) -> None:
    """Wait until the phone sends, and reports that it gets what we send."""
    await within(call.pc.connected())
    # What it plays ends with each of its streams.
    await call.phone.speak()
    await call.flow(kinds=kinds or BOTH)
    await call.heard(kinds=kinds or BOTH)


def ports(sdp: str) -> list[str]:
    """The kind of each m-section, and `0` for one that is rejected."""
    lines = [line.split() for line in sdp.splitlines() if line.startswith("m=")]
    return [line[0].removeprefix("m=") if line[1] != "0" else "0" for line in lines]


async def hold(call: Call) -> None:
    """Hold the call and resume it."""
    assert await call.hold() == 0
    await talk(call)


async def be_held(call: Call) -> None:
    """Let the phone hold the call and resume it."""
    await call.phone.command("call-pause 1")
    assert (await call.answer()).count("a=sendonly") == 2
    await call.phone.state("Paused")
    await call.phone.command("call-resume 1")
    assert "a=sendonly" not in await call.answer()
    await call.phone.state("StreamsRunning")
    await talk(call)


# Where it crashes (see `until_told`), this takes a while.
@pytest.mark.long
async def test_linphone_that_we_call_bundles_sound_and_pictures_and_takes_a_hold(
    tmp_path: Path,
) -> None:
    async def story(call: Call) -> None:
        (security,) = call.pc.security.transports
        assert security.verified
        await hold(call)
        assert call.handshakes == 1

    await called(tmp_path, story)


async def test_linphone_that_calls_us_holds_the_call_and_takes_its_picture_away(
    tmp_path: Path,
) -> None:
    async def story(call: Call) -> None:
        # It bundles nothing that it offers.
        assert [each.verified for each in call.pc.security.transports] == [True, True]
        await be_held(call)
        await call.phone.command("video 1")
        # The m-section has no mid: it is found by its place.
        assert ports(await call.answer()) == ["audio", "0"]
        await call.phone.state("StreamsRunning")
        await talk(call, "audio")
        assert [each.kind for each in call.pc.getTransceivers() if not each.stopped] == ["audio"]

    await calling(tmp_path, story)


@pytest.mark.long
async def test_linphone_that_calls_us_is_held_three_times_by_either_end(tmp_path: Path) -> None:
    async def story(call: Call) -> None:
        for _ in range(3):
            await hold(call)
            await be_held(call)
        assert call.handshakes == 2

    await calling(tmp_path, story)


@pytest.mark.long
async def test_linphone_that_we_call_loses_its_picture_where_it_holds_and_resumes(
    tmp_path: Path,
) -> None:
    async def story(call: Call) -> None:
        await call.phone.command("call-pause 1")
        assert ports(await call.answer()) == ["audio", "0"]
        await call.phone.state("Paused")
        await call.phone.command("call-resume 1")
        await call.answer()
        await call.phone.state("StreamsRunning")
        await talk(call, "audio")
        assert call.handshakes == 1

    await called(tmp_path, story)


@pytest.mark.long
async def test_picture_that_we_take_from_linphone_and_give_back_ten_times_is_seen(
    tmp_path: Path,
) -> None:
    async def story(call: Call) -> None:
        (picture,) = (each for each in call.pc.getTransceivers() if each.kind == "video")
        for _ in range(TIMES):
            call.pc.removeTrack(picture.sender)
            assert "a=sendonly" in await call.offer()
            await talk(call, "audio")
            picture.direction = "sendrecv"
            await picture.sender.replaceTrack(small_video())
            assert "a=sendonly" not in await call.offer()
            await talk(call)
        assert call.handshakes == 2

    await calling(tmp_path, story)


@pytest.mark.long
async def test_track_that_linphone_has_no_place_for_is_refused_ten_times(tmp_path: Path) -> None:
    async def story(call: Call) -> None:
        for _ in range(TIMES):
            transceiver = call.pc.addTransceiver(small_video())
            await call.offer()
            assert transceiver.stopped
        await talk(call)
        assert call.handshakes == 1

    await called(tmp_path, story)


@pytest.mark.long
@either
async def test_ice_restarts_towards_linphone_keep_its_association(
    tmp_path: Path, call_it: Tell, handshakes: int
) -> None:
    async def story(call: Call) -> None:
        seen = []
        for _ in range(3):
            call.pc.restartIce()
            answer = await call.offer()
            seen.append(
                next(each for each in answer.splitlines() if each.startswith("a=ice-ufrag:"))
            )
            await talk(call)
        assert len(set(seen)) == 3
        assert call.handshakes == handshakes

    await call_it(tmp_path, story)


@pytest.mark.long
@either
async def test_rekey_with_linphone_says_that_it_kept_its_association(
    tmp_path: Path, call_it: Tell, handshakes: int
) -> None:
    async def story(call: Call) -> None:
        result = await call.rekey()
        assert not result.changed
        assert "the peer kept its association" in result.reason
        await talk(call)
        assert call.handshakes == handshakes

    await call_it(tmp_path, story)


@pytest.mark.long
async def test_linphone_that_hangs_up_is_lost_by_its_silence(tmp_path: Path) -> None:
    async def story(call: Call) -> None:
        await call.phone.command("terminate 1")
        await within(call.phone.ended)
        await reached(
            call.pc,
            "connectionstatechange",
            lambda: call.pc.connectionState is ConnectionState.DISCONNECTED,
        )
        assert call.pc.iceConnectionState is IceConnectionState.DISCONNECTED

    await called(tmp_path, story)
