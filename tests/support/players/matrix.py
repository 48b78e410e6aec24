"""Every recording in every player: what is wrong with each, and the table of docs/RECORDING.md.

`python -m tests.support.players.matrix` plays all of them, in ten minutes, and writes the table.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import av

from media.recording.containers import Container
from tests.support.browser.browsers import BrowserName
from tests.support.media.takes import errors, probe
from tests.support.players.player import open_player
from tests.support.players.situations import (
    HOLDERS,
    SOUND_ALONE,
    Recorded,
    Situation,
    make,
    media_type,
)
from tests.support.project.source import ROOT

if TYPE_CHECKING:
    from tests.support.players.player import Played, Player

GUIDE = ROOT / "docs" / "RECORDING.md"
BEGIN, END = "<!-- tests.support.players.matrix -->\n", "<!-- end of players -->\n"
NAMES = {
    Container.MP4: "MP4",
    Container.WEBM: "WebM",
    Container.MATROSKA: "Matroska",
    Container.OGG: "Ogg",
    Container.HLS: "HLS",
}
#: How much faster than life files are played, which browsers bear (ours).
RATE = 4.0
#: Seconds by which times may be off: a picture and a packet of sound, and what is rounded (ours).
_NEAR = 0.15
#: Part of the pictures that a browser decodes at least: a busy one leaves many out, where FFmpeg
#: decodes all of them (ours).
_SHOWN = 0.25


class Screen(StrEnum):
    """Players, by the names of the table."""

    CHROMIUM = "Chromium"
    FIREFOX = "Firefox"
    CHROMIUM_HLS_JS = "Chromium by hls.js"
    FIREFOX_HLS_JS = "Firefox by hls.js"

    @property
    def browser(self) -> BrowserName:
        """The browser of the player."""
        return BrowserName(self.value.partition(" ")[0].lower())

    @property
    def is_hls_js(self) -> bool:
        """True for a player in JavaScript, which plays HLS only."""
        return self in (Screen.CHROMIUM_HLS_JS, Screen.FIREFOX_HLS_JS)

    def plays_lists(self, container: Container) -> bool:
        """Tell if it is a player for a container at all: Firefox has no HLS of its own."""
        if container is Container.HLS:
            return self is not Screen.FIREFOX
        return not self.is_hls_js


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One situation recorded in one codec and container."""

    container: Container
    codec: str
    situation: Situation


#: All cases.
CASES = tuple(
    Case(container=container, codec=codec, situation=situation)
    for container, codec in HOLDERS
    for situation in Situation
    if situation.concerns(codec)
)


def faults(played: Played, recorded: Recorded) -> Iterator[str]:
    """Yield sentences that say what was wrong as a browser played a file."""
    name = recorded.path.name
    if played.trouble is not None:
        yield f"{name}: {played.trouble}"
        return
    expected = recorded.seconds
    for what, seconds in (
        ("lasts at loadedmetadata", played.duration),
        ("lasts at its end", played.lasting),
        ("ends at", played.end),
    ):
        if seconds is None or abs(seconds - expected) > _NEAR:
            yield f"{name}: {what} {seconds} s, not {expected:.2f}"
    if played.middle is None or abs(played.middle - played.end / 2) > _NEAR:
        yield f"{name}: stands at {played.middle} s after a seek to the middle of {played.end}"
    if (played.width, played.height) not in recorded.sizes:
        yield f"{name}: shows {played.width}x{played.height}"
    if not _SHOWN * recorded.pictures <= played.pictures <= recorded.pictures + 1:
        yield f"{name}: {played.pictures} of {recorded.pictures} pictures"
    if played.holes:
        yield f"{name}: holes at {played.holes}"


def faults_of_file(recorded: Recorded) -> Iterator[str]:
    """Yield sentences that say what FFmpeg finds in a file."""
    if said := errors(recorded.path):
        yield f"{recorded.path.name}: {said}"
    with av.open(str(recorded.path)) as file:
        shown = sum(1 for _ in file.decode(video=0)) if file.streams.video else 0
    if shown != recorded.pictures:
        yield f"{recorded.path.name}: {shown} of {recorded.pictures} pictures"
    told = probe(recorded.path)
    seconds = float(told["format"]["duration"])
    if abs(seconds - recorded.seconds) > _NEAR:
        yield f"{recorded.path.name}: lasts {seconds} s by ffprobe, not {recorded.seconds:.2f}"
    sizes = [(it["width"], it["height"]) for it in told["streams"] if it["codec_type"] == "video"]
    if len(sizes) > 1 or (sizes or [(0, 0)])[0] not in recorded.sizes:
        yield f"{recorded.path.name}: {sizes} by ffprobe"


def record_all(folder: Path, cases: Iterable[Case]) -> dict[Case, list[Recorded]]:
    """Make recordings, each container in a folder of its own."""
    made = {}
    for case in cases:
        own = folder / case.container.value
        own.mkdir(exist_ok=True)
        made[case] = make(own, case.container, case.codec, case.situation)
    return made


async def watch(
    player: Player, screen: Screen, recordings: Mapping[Case, list[Recorded]]
) -> dict[Case, list[str] | None]:
    """Play recordings; returns what was wrong with each, None of what is not played by its word."""
    found: dict[Case, list[str] | None] = {}
    for case, recorded in recordings.items():
        if not screen.plays_lists(case.container):
            continue
        kind = media_type(case.container, case.codec)
        if not await player.plays(kind, hls_js=screen.is_hls_js):
            found[case] = None
            continue
        said: list[str] = []
        for file in recorded:
            name = f"{case.container.value}/{file.path.name}"
            played = await player.play(name, rate=RATE, hls_js=screen.is_hls_js)
            said += faults(played, file)
        found[case] = said
    return found


def table(found: Mapping[Screen, Mapping[Case, list[str] | None]]) -> str:
    """Return the table: in each cell who does not play what it says that it plays."""
    lines = [
        f"| recording | players | {' | '.join(Situation)} |",
        f"| --- | --- |{' --- |' * len(Situation)}",
    ]
    for container, codec in HOLDERS:
        row = []
        players: list[str] = []
        for situation in Situation:
            case = Case(container=container, codec=codec, situation=situation)
            verdicts = {screen: of[case] for screen, of in found.items() if case in of}
            able = {screen: said for screen, said in verdicts.items() if said is not None}
            players = [
                str(screen) if screen in able else f"({screen}: no)" for screen in verdicts
            ] or players
            failing = [str(screen) for screen, said in able.items() if said]
            if case not in CASES:
                row.append("")
            elif failing:
                row.append(f"**not {', '.join(failing)}**")
            else:
                row.append("plays" if able else "")
        what = "sound alone" if codec == SOUND_ALONE else codec
        cells = " | ".join((f"{NAMES[container]}, {what}", ", ".join(players), *row))
        lines.append(f"| {cells} |".replace("|  |", "| |").replace("|  |", "| |"))
    return "\n".join(lines) + "\n"


async def run(folder: Path) -> dict[Screen, dict[Case, list[str] | None]]:
    """Play all recordings in all players."""
    recordings = record_all(folder, CASES)
    found: dict[Screen, dict[Case, list[str] | None]] = {}

    async def look(browser: BrowserName) -> None:
        async with open_player(browser, folder) as player:
            for screen in Screen:
                if screen.browser is browser:
                    found[screen] = await watch(player, screen, recordings)

    await asyncio.gather(*map(look, BrowserName))
    return {screen: found[screen] for screen in Screen}


def main() -> int:
    """Play all, and write the table; returns 1 where something does not play."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(run(Path(folder)))
    wrong = [
        f"{screen}: {sentence}"
        for screen, of in found.items()
        for said in of.values()
        for sentence in said or ()
    ]
    sys.stdout.write("".join(f"{sentence}\n" for sentence in wrong))
    head, _, rest = GUIDE.read_text().partition(BEGIN)
    GUIDE.write_text(f"{head}{BEGIN}{table(found)}{END}{rest.partition(END)[2]}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
