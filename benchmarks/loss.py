"""Benchmark of bad links: freezes, delay and lost frames, beside aiortc.

Usage: `python -m benchmarks.loss [--docs] [--seed N] [SCENARIO ...]`; with `--docs` the table in
docs/MEDIA.md is written anew. Exits with 1 where a stream of ours did not recover.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks.harness import ARTIFACTS
from benchmarks.loss_figures import CLEAN, REST, TROUBLED, Figures, Phases, figures
from benchmarks.loss_link import CALM, Impairment, LossyLink
from benchmarks.loss_subjects import Aiortc, Call, Handfast
from benchmarks.loss_tracks import Journal, Listener, NumberedTrack, picture_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiortc.mediastreams import MediaStreamTrack

SCENARIOS = {
    "loss-1": Impairment(loss=0.01),
    "loss-5": Impairment(loss=0.05),
    "loss-10": Impairment(loss=0.1),
    "loss-20": Impairment(loss=0.2),
    "reordering": Impairment(reordered=0.1),
    "jitter": Impairment(jitter=0.1),
    "outage": Impairment(down=2.0),
}
NAMES = {
    "loss-1": "1% loss",
    "loss-5": "5% loss",
    "loss-10": "10% loss",
    "loss-20": "20% loss",
    "reordering": "10% late by 30 ms",
    "jitter": "100 ms jitter",
    "outage": "2 s outage",
}
HEADINGS = (
    "trouble", "stream", "both ends", "frozen", "longest gap", "frames lost",
    "delay before", "during", "after", "recovered",
)  # fmt: skip
#: Seconds for the send rate to ramp up before anything counts (ours).
_WARM_UP = 3.0
_DOCUMENT = Path(__file__).parents[1] / "docs" / "MEDIA.md"
_BEGIN, _END = "<!-- benchmarks.loss -->\n", "<!-- end -->\n"


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one stream in one scenario; `load` is the load average of the machine."""

    scenario: str
    kind: str
    subject: str
    figures: Figures
    load: float

    def cells(self) -> tuple[str, ...]:
        """Format the figures as cells under `HEADINGS`."""
        one = self.figures
        return (
            NAMES[self.scenario],
            self.kind,
            self.subject,
            f"{one.frozen:.1f} s",
            f"{1000 * one.longest:.0f} ms",
            f"{one.lost} of {one.captured}",
            _milliseconds(one.before),
            _milliseconds(one.during),
            _milliseconds(one.after),
            _verdict(one),
        )


async def measure(make: type[Call], trouble: Impairment, seed: int) -> dict[str, Figures]:
    """Run one call over a bad link, and return the figures of audio and video."""
    loop = asyncio.get_running_loop()
    journals = {kind: Journal(kind) for kind in ("video", "audio")}
    sources: list[MediaStreamTrack] = [NumberedTrack(each) for each in journals.values()]
    listener = Listener()
    with LossyLink(seed) as link:
        async with make(link, sources) as call:
            watching = [
                asyncio.create_task(_watch(call.tracks["video"], journals["video"])),
                asyncio.create_task(_listen(call.tracks["audio"], listener)),
            ]
            await asyncio.sleep(_WARM_UP + CLEAN)
            begun = loop.time()
            link.impair(trouble)
            await asyncio.sleep(TROUBLED)
            calm = loop.time()
            link.impair(CALM)
            await asyncio.sleep(REST)
            # An outage ends by itself.
            phases = Phases(begun, begun + (trouble.down or calm - begun), loop.time())
            for task in watching:
                task.cancel()
            ends = await asyncio.gather(*watching, return_exceptions=True)
        for source in sources:
            source.stop()
    for error in ends:
        if isinstance(error, Exception):
            raise error
    journals["audio"].read = listener.numbers(journals["audio"].captured)
    return {kind: figures(journal, phases) for kind, journal in journals.items()}


async def _watch(track: MediaStreamTrack, journal: Journal) -> None:
    while True:
        frame = await track.recv()
        journal.read.append((picture_number(frame), asyncio.get_running_loop().time()))


async def _listen(track: MediaStreamTrack, listener: Listener) -> None:
    while True:
        frame = await track.recv()
        listener.add(frame, asyncio.get_running_loop().time())


def run(scenarios: Sequence[str], seed: int) -> list[Row]:
    """Measure both subjects, one after the other, in each scenario."""
    rows = []
    for scenario in scenarios:
        found: list[Row] = []
        for make in (Handfast, Aiortc):
            measured = asyncio.run(measure(make, SCENARIOS[scenario], seed))
            load = os.getloadavg()[0]
            found += [Row(scenario, kind, make.name, one, load) for kind, one in measured.items()]
        rows += sorted(found, key=lambda row: row.kind, reverse=True)
    return rows


def table(rows: Sequence[Row]) -> Table:
    """Format the rows as a table for the terminal."""
    drawn = Table(title="bad links: pictures and sound of one call, capture to reading")
    for index, heading in enumerate(HEADINGS):
        drawn.add_column(heading, justify="left" if index < 3 else "right")
    for row in rows:
        drawn.add_row(*row.cells(), end_section=row.subject == Aiortc.name)
    return drawn


def markdown(rows: Sequence[Row]) -> str:
    """Format the rows as Markdown for docs/MEDIA.md."""
    lines = [HEADINGS, ("---",) * 3 + ("---:",) * (len(HEADINGS) - 3)]
    lines += [row.cells() for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _milliseconds(seconds: float | None) -> str:
    return "none came" if seconds is None else f"{1000 * seconds:.0f} ms"


def _verdict(one: Figures) -> str:
    if not one.flows:
        return "no: frozen"
    if not one.delay_is_back:
        return "no: late"
    if one.back_after is None:
        return "yes"
    return f"in {one.back_after:.1f} s" if one.back_after else "at once"


def _write_document(rows: Sequence[Row]) -> None:
    text = _DOCUMENT.read_text()
    head, _, rest = text.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    _DOCUMENT.write_text(f"{head}{_BEGIN}{markdown(rows)}{_END}{tail}")


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loss")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--docs", action="store_true", help="write the table to docs/MEDIA.md")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.scenarios) - SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    # aiortc logs every frame that it cannot decode.
    logging.disable(logging.WARNING)
    rows = run(chosen.scenarios or list(SCENARIOS), chosen.seed)
    Console(width=160).print(table(rows))
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "loss.json").write_text(json.dumps([asdict(row) for row in rows], indent=2))
    if chosen.docs:
        _write_document(rows)
    ours = [row.figures for row in rows if row.subject == Handfast.name]
    return int(not all(one.recovered for one in ours))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
