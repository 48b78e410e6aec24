from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiortc.mediastreams import MediaStreamError

from media import EchoTrack
from tests.support.media.frames import GivenTrack, flat_picture, tone

if TYPE_CHECKING:
    from av.frame import Frame
    from av.packet import Packet
    from av.stream import Stream


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_has_the_kind_of_its_source(kind: str) -> None:
    assert EchoTrack(GivenTrack(kind, [])).kind == kind


async def test_gives_the_very_frames_in_their_order() -> None:
    frames = [tone(440, 0.02), tone(550, 0.02)]
    echo = EchoTrack(GivenTrack("audio", frames))

    assert [await echo.recv(), await echo.recv()] == frames


async def test_the_observer_sees_each_frame_once() -> None:
    seen: list[Frame | Packet[Stream]] = []
    frames = [flat_picture(16, 16), flat_picture(16, 16)]
    echo = EchoTrack(GivenTrack("video", frames), observe=seen.append)

    await echo.recv()
    await echo.recv()

    assert seen == frames


async def test_ends_when_its_source_ends() -> None:
    echo = EchoTrack(GivenTrack("audio", []))

    with pytest.raises(MediaStreamError):
        await echo.recv()

    assert echo.readyState == "ended"


async def test_stopping_it_leaves_the_source_live() -> None:
    source = GivenTrack("audio", [tone(440, 0.02)])
    echo = EchoTrack(source)

    echo.stop()

    with pytest.raises(MediaStreamError):
        await echo.recv()
    assert source.readyState == "live"
