"""Every codec that a browser sends, in every container that takes it, as it came."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from peer.rtp.inbound.stats import InboundRtpStats
from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.browser.flash_page import BROWSERS, Source, flash_call
from tests.support.media.takes import CONTAINERS, EXACT, SECONDS, Take, are_together, show, taking

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = [pytest.mark.timeout(300 + 4 * SECONDS), pytest.mark.needs("ffmpeg")]

#: Firefox has H264 by a plug-in that it fetches from its maker.
CODECS = {BrowserName.CHROMIUM: tuple(CONTAINERS), BrowserName.FIREFOX: ("VP8", "VP9", "AV1")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One session, with all recordings of it at once.

    Args:
        takes: By the name of the file.
        decoded: Frames that were decoded here.
        threads: That were begun meanwhile.
    """

    takes: Mapping[str, Take]
    decoded: int
    threads: frozenset[str]


@pytest.fixture(scope="module", params=BROWSERS)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return asyncio.run(_tell(request.param, tmp_path_factory.mktemp(request.param)))


async def _tell(name: BrowserName, folder: Path) -> Story:
    codecs = CODECS[name]
    sources = [Source(), *(Source(codec=codec) for codec in codecs)]
    async with open_browser(name) as browser, flash_call(browser, sources) as call:
        sound, *pictures = call.receivers
        for suffixes in CONTAINERS.values():
            for suffix in suffixes:
                (folder / suffix).mkdir(exist_ok=True)
        # The media of HLS lies beside its playlist, in an MP4 of the same name.
        files = {
            folder / suffix / f"{codec}.{suffix}": (sound, shown)
            for codec, shown in zip(codecs, pictures, strict=True)
            for suffix in CONTAINERS[codec]
        }
        await call.begin()
        async with taking(files) as made:
            await made.last(SECONDS)
        stats = (await call.pc.getStats()).values()
        inbound = [each for each in stats if isinstance(each, InboundRtpStats)]
    return Story(
        takes=made.takes,
        decoded=sum(each.framesDecoded for each in inbound),
        threads=frozenset(made.threads),
    )


def test_recording_decodes_and_encodes_nothing(story: Story) -> None:
    assert story.decoded == 0
    assert {take.stats.transcoding for take in story.takes.values()} == {()}
    assert not any(name.startswith(("handfast-decoder", "encode-")) for name in story.threads)


def test_recording_of_each_codec_is_one_file_of_that_codec(story: Story) -> None:
    assert [take.failures for take in story.takes.values() if take.failures] == []
    assert [len(take.paths) for take in story.takes.values()] == [1] * len(story.takes)
    found = {name: take.codecs() for name, take in story.takes.items()}
    assert found == {name: sorted(("opus", name.partition(".")[0].lower())) for name in found}


def test_ffmpeg_finds_no_error_in_any(story: Story) -> None:
    assert [said for take in story.takes.values() for said in take.errors()] == []


def test_recording_of_each_codec_has_its_full_duration(story: Story) -> None:
    lasted = {name: take.lasted for name, take in story.takes.items()}
    assert lasted == dict.fromkeys(lasted, pytest.approx(SECONDS, abs=0.5))
    found = {name: take.duration() - take.lasted for name, take in story.takes.items()}
    assert found == dict.fromkeys(found, pytest.approx(0, abs=EXACT))


def test_flash_and_beep_are_together_at_the_start_and_at_the_end_of_each(story: Story) -> None:
    found = {name: take.offsets() for name, take in story.takes.items()}
    show(found)
    assert min(map(len, found.values())) >= SECONDS - 2
    assert [name for name, offsets in found.items() if not are_together(offsets)] == []
