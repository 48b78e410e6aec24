"""Runs one page of web-platform-tests on handfast, and keeps what its subtests have shown."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.wpt.engine import EngineLostError, JavaScript
from tests.support.wpt.host import Host

if TYPE_CHECKING:
    from tests.support.wpt.pages import WptPage

_HERE = Path(__file__).parent
#: Seconds for one subtest, for a page, and for one that says it takes long.
SUBTEST, PAGE, LONG_PAGE = 10.0, 60.0, 180.0
#: Seconds for one subtest of a page that says it takes long.
LONG_SUBTEST = 40.0
#: Seconds that JavaScript may run at a stretch.
_TURN = 30.0
#: The harness is done with a page once this has run; a browser runs it at `load`.
_HARNESS = """
const {resolve} = Promise;
Promise.resolve = () => ({then(loaded) { globalThis.pageLoaded = loaded; }});
%s
Promise.resolve = resolve;
"""


@dataclass(frozen=True, slots=True)
class Subtest:
    """The end of one subtest: `status` is PASS, FAIL, TIMEOUT, NOTRUN or PRECONDITION_FAILED."""

    name: str
    status: str
    message: str


@dataclass(slots=True)
class PageReport:
    """What became of one page.

    Args:
        page: The page.
        subtests: Its subtests, in the order in which they ended.
        error: Why the harness did not come to its end; None where it did.
        log: What the page and its handlers have logged.
    """

    page: WptPage
    subtests: list[Subtest] = field(default_factory=list)
    error: str | None = None
    log: list[str] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """Number of subtests that passed."""
        return sum(each.status == "PASS" for each in self.subtests)

    @property
    def total(self) -> int:
        """Number of subtests; one at least, as a page that breaks off shows none."""
        return max(1, len(self.subtests))


async def run_page(folder: Path, page: WptPage, *, slowness: float = 1.0) -> PageReport:
    """Run a page in a JavaScript context of its own, and close all that it leaves behind.

    Args:
        folder: The folder of web-platform-tests.
        page: The page.
        slowness: What all limits of time are multiplied by.
    """
    report = PageReport(page)
    ended = asyncio.Event()

    def on_finished(status: int, message: str) -> None:
        if status:
            report.error = f"harness status {status}: {message}"
        ended.set()

    host = Host(
        on_result=lambda *of: report.subtests.append(Subtest(*of)),
        on_finished=on_finished,
        on_log=report.log.append,
    )
    try:
        with JavaScript(host.answer, limit=_TURN * slowness) as engine:
            host.engine = engine
            for name, script in _scripts(folder, page, slowness):
                error = engine.run(script, name)
                if error is not None:
                    report.error = f"{name}: {error}"
                    report.log.append(report.error)
            limit = (LONG_PAGE if page.long else PAGE) * slowness
            try:
                async with asyncio.timeout(limit):
                    await ended.wait()
            except TimeoutError:
                report.error = f"not done in {limit:g} s"
                # The harness names what has not ended.
                engine.run("timeout()", "timeout")
            await host.close()
    except EngineLostError as lost:
        report.error = str(lost)
        await host.close()
    return report


def _scripts(folder: Path, page: WptPage, slowness: float) -> list[tuple[str, str]]:
    harness = (folder / "resources" / "testharness.js").read_text(encoding="utf-8")
    address = json.dumps(f"https://web-platform.test/{page.name}")
    patience = round((LONG_SUBTEST if page.long else SUBTEST) * slowness * 1000)
    ours = [
        (name, (_HERE / name).read_text(encoding="utf-8"))
        for name in ("platform.js", "bridge.js", "webrtc.js")
    ]
    return [
        *ours,
        ("testharness.js", _HARNESS.replace("%s", harness)),
        ("address", f"const pageAddress = {address}, patience = {patience};"),
        ("page.js", (_HERE / "page.js").read_text(encoding="utf-8")),
        *page.scripts,
        ("load", "document.dispatchEvent(new Event('load')); pageLoaded();"),
    ]
