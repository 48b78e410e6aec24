"""Codecs of Chromium that we offer to nobody, each alone in its m-section; shown and recorded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from media import Recorder
from tests.support.browser.browsers import BrowserName
from tests.support.browser.media_page import Subject, Wish, media_call
from tests.support.clock.deadline import DEADLINE
from tests.support.media.takes import errors

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.browser("chromium"), pytest.mark.needs("ffmpeg")]

_S = Subject
#: What Chromium sends, and what it sees of us: nothing here encodes VP9 of ten bits.
CODECS = {
    "H264 packetization-mode=0;profile-level-id=42e01f": (_S.RED, _S.GREEN),
    "H264 packetization-mode=1;profile-level-id=4d001f": (_S.GREEN, _S.BLUE),
    "H264 packetization-mode=0;profile-level-id=4d001f": (_S.BLUE, _S.YELLOW),
    "VP9 profile-id=2": (_S.YELLOW, None),
}
_FRAMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What arrived, by m-section, what was agreed, and the recordings."""

    here: list[Subject | None]
    there: list[Subject | None]
    agreed: list[tuple[str, ...]]
    directions: list[str | None]
    files: list[Path]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """One session with an m-section for each codec, and a file for each."""
    return asyncio.run(_tell(tmp_path_factory.mktemp("rare")))


async def _tell(folder: Path) -> Story:
    theirs, ours = ([pair[i] for pair in CODECS.values()] for i in (0, 1))
    async with media_call(BrowserName.CHROMIUM) as call:
        wishes = [Wish(subject=pair[0], codec=codec) for codec, pair in CODECS.items()]
        await call.be_offered(wishes, [subject or _S.RED for subject in ours])
        receivers = call.pc.getReceivers()
        paths = [folder / f"{index}.mp4" for index in range(len(receivers))]
        recorders = [Recorder(path) for path in paths]
        for recorder, receiver in zip(recorders, receivers, strict=True):
            recorder.addTrack(receiver.track)
            await recorder.start()
        here, there = await call.seen_here(theirs), await call.seen_there(ours)
        async with asyncio.timeout(DEADLINE):
            while min(each.stats.frames for each in recorders) < _FRAMES:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.1)
        for recorder in recorders:
            await recorder.stop()
        codecs = [receiver.getParameters().codecs[0] for receiver in receivers]
        names = ("packetization-mode", "profile-level-id", "profile-id")
        return Story(
            here=here,
            there=there,
            agreed=[
                (codec.name, *(value for name in names if (value := codec.parameter(name))))
                for codec in codecs
            ],
            directions=[each.currentDirection for each in call.pc.getTransceivers()],
            files=paths,
        )


def test_pictures_of_a_codec_that_stands_alone_are_decoded_at_both_ends(story: Story) -> None:
    assert story.here == [theirs for theirs, _ in CODECS.values()]
    assert story.there == [ours for _, ours in CODECS.values()]


def test_codec_that_stands_alone_is_agreed_as_chromium_offers_it(story: Story) -> None:
    assert story.agreed == [
        ("H264", "0", "42e01f"),
        ("H264", "1", "4d0034"),
        ("H264", "0", "4d0034"),
        ("VP9", "2"),
    ]
    assert story.directions == ["sendrecv", "sendrecv", "sendrecv", "recvonly"]


def test_ffmpeg_decodes_the_recording_of_each_codec_that_stands_alone(story: Story) -> None:
    assert [errors(path) for path in story.files] == ["", "", "", ""]
