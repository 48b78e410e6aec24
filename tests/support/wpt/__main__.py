"""Prints how much of the W3C's web-platform-tests of WebRTC passes on handfast.

::

    python -m tests.support.wpt FOLDER [PATTERN] [--json FILE] [--jobs N] [--slowness X] [--verbose]

`FOLDER` is a copy of https://github.com/web-platform-tests/wpt, or its folders `webrtc*` and
`resources`; nothing is fetched. `PATTERN` is a regular expression for the names of pages. `FILE`
gets what did not pass, by page, and what was passed over, with the reason.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.wpt.pages import CORE, find_pages
from tests.support.wpt.running import run_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.wpt.pages import WptPage
    from tests.support.wpt.running import PageReport


async def run_all(
    folder: Path, pages: Sequence[WptPage], *, jobs: int, slowness: float, verbose: bool
) -> list[PageReport]:
    """Run pages side by side, printing a line for each that has ended."""
    places = asyncio.Semaphore(jobs)

    async def run(page: WptPage) -> PageReport:
        async with places:
            report = await run_page(folder, page, slowness=slowness)
        print(f"{report.passed:4} of {report.total:<4} {page.name}", flush=True)
        for subtest in report.subtests if verbose else ():
            if subtest.status != "PASS":
                print(f"       {subtest.status} {subtest.name}: {subtest.message}")
        if report.error is not None:
            print(f"       {report.error[:400]}")
        for line in report.log if verbose else ():
            print(f"       log: {line[:600]}")
        return report

    return list(await asyncio.gather(*(run(page) for page in pages)))


def figures(reports: Sequence[PageReport]) -> list[str]:
    """Word the figures by area: subtests that passed, of all."""
    passed, total, pages = Counter[str](), Counter[str](), Counter[str]()
    for report in reports:
        area = report.page.area
        passed[area] += report.passed
        total[area] += report.total
        pages[area] += 1
    return [
        f"{area + (' (core)' if area == CORE else ''):28} {pages[area]:4} pages "
        f"{passed[area]:5} of {total[area]:<5} {100 * passed[area] / total[area]:5.1f} %"
        for area in total
    ]


def failures(reports: Sequence[PageReport], excluded: Sequence[WptPage]) -> str:
    """Word as JSON what did not pass, and what was passed over."""
    found = {
        report.page.name: {
            "error": report.error,
            "log": report.log[:20],
            "subtests": {
                s.name: f"{s.status} {s.message}" for s in report.subtests if s.status != "PASS"
            },
        }
        for report in reports
        if report.error is not None or report.passed < report.total
    }
    passed_over = {page.name: page.excluded for page in excluded}
    return json.dumps({"failures": found, "excluded": passed_over}, indent=1, ensure_ascii=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the status is 1 where something did not pass."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.wpt")
    parser.add_argument("folder", type=Path)
    parser.add_argument("pattern", nargs="?", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--slowness", type=float, default=1.0)
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args(arguments)
    pages = list(find_pages(given.folder, given.pattern))
    runnable = [page for page in pages if page.excluded is None]
    reports = asyncio.run(
        run_all(
            given.folder, runnable, jobs=given.jobs, slowness=given.slowness, verbose=given.verbose
        )
    )
    excluded = [page for page in pages if page.excluded is not None]
    if given.json is not None:
        given.json.write_text(failures(reports, excluded), encoding="utf-8")
    for why, number in Counter(str(page.excluded) for page in excluded).items():
        print(f"passed over: {number:3} pages, {why}")
    print(*figures(reports), sep="\n")
    return int(any(report.passed < report.total for report in reports))


if __name__ == "__main__":
    # A page that goes away leaves warnings of its own, which say nothing of a subtest.
    logging.disable(logging.CRITICAL)
    sys.exit(main())
