"""Recordings of what befalls a call, played by browsers, by hls.js and by FFmpeg."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media.recording.containers import Container
from tests.support.browser.browsers import BrowserName
from tests.support.browser.flash_page import BROWSERS
from tests.support.players.matrix import (
    BEGIN,
    CASES,
    END,
    GUIDE,
    Case,
    Screen,
    faults_of_file,
    record_all,
    table,
    watch,
)
from tests.support.players.player import open_player
from tests.support.players.situations import SOUND_ALONE, Situation

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


pytestmark = [pytest.mark.needs("ffmpeg", "hls.js")]

#: What every run has time for: the first two stood still for ever, and the third was said to last
#: three seconds.
SLICE = {
    BrowserName.CHROMIUM: (Case(container=Container.HLS, codec="H264", situation=Situation.SLOW),),
    BrowserName.FIREFOX: (
        Case(container=Container.HLS, codec="H264", situation=Situation.CAMERA_STOPS),
        Case(container=Container.MP4, codec="H264", situation=Situation.MUTED),
    ),
}


async def _wrong(browser: BrowserName, folder: Path, cases: Iterable[Case]) -> list[str]:
    recordings = record_all(folder, cases)
    async with open_player(browser, folder) as player:
        return [
            f"{screen}: {sentence}"
            for screen in Screen
            if screen.browser == browser
            for said in (await watch(player, screen, recordings)).values()
            for sentence in said or ()
        ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("browser", BROWSERS)
async def test_players_show_recordings_to_their_end(browser: BrowserName, tmp_path: Path) -> None:
    assert await _wrong(browser, tmp_path, SLICE[browser]) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("browser", BROWSERS)
async def test_players_show_every_container_codec_and_situation(
    browser: BrowserName, tmp_path: Path
) -> None:
    assert await _wrong(browser, tmp_path, CASES) == []


@pytest.mark.parametrize(
    "cases",
    [
        pytest.param(sum(SLICE.values(), ()), id="slice"),
        pytest.param(CASES, id="all", marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
    ],
)
def test_ffmpeg_decodes_recordings_and_knows_their_duration(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    recordings = record_all(tmp_path, cases)
    assert [
        sentence
        for recorded in recordings.values()
        for file in recorded
        for sentence in faults_of_file(file)
    ] == []


def test_the_guide_has_a_cell_for_every_container_codec_and_situation() -> None:
    _, _, rest = GUIDE.read_text().partition(BEGIN)
    written = [line.split("|") for line in rest.partition(END)[0].splitlines()]
    wanted = [line.split("|") for line in table({}).splitlines()]
    assert [cells[1] for cells in written] == [cells[1] for cells in wanted]
    assert written[0] == wanted[0]
    for cells in written[2:]:
        codec = cells[1].rpartition(", ")[2].strip().replace("sound alone", SOUND_ALONE)
        for situation, cell in zip(Situation, cells[3:-1], strict=True):
            assert cell.strip() == ("plays" if situation.concerns(codec) else "")
