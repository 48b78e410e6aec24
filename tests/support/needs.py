"""Owns what happens to a test whose system tool is missing, and that no test is skipped otherwise.

A test says what it drives: `@pytest.mark.needs("turnserver")`, `@pytest.mark.browser("firefox")`.
Where that is missing the test is skipped and the last lines of the run say so and how to get it;
with CI=true it fails instead. A skip or an expected failure of any other kind is a failure.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator

import pytest

from tests.support.tools import TOOLS, missing

# All on one xdist worker: two browsers that encode video at once starve each other on two cores.
BROWSER_GROUP = "browsers"

MISSING = "missing-tool"


def tools_of(item: pytest.Item) -> tuple[str, ...]:
    """Names of the tools that the test drives.

    Raises:
        pytest.UsageError: The test names a tool that tests/support/tools.py does not know.
    """
    names = [
        name
        for marker in ("needs", "browser")
        for mark in item.iter_markers(marker)
        for name in mark.args
    ]
    unknown = set(names) - set(TOOLS)
    if unknown:
        raise pytest.UsageError(f"{item.nodeid} needs {unknown}; known are {sorted(TOOLS)}")
    return tuple(dict.fromkeys(names))


class NeedsPlugin:
    """The pytest plug-in; registered by tests/conftest.py in the controller and in every worker."""

    def __init__(self, config: pytest.Config, *, in_ci: bool | None = None) -> None:
        self._config = config
        self._in_ci = os.environ.get("CI") == "true" if in_ci is None else in_ci

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Check the names, and keep the browsers' tests together."""
        for item in items:
            tools_of(item)
            if item.get_closest_marker("browser") is not None:
                item.add_marker(pytest.mark.xdist_group(BROWSER_GROUP))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip the test before any of its fixtures runs, or fail it in CI."""
        lacking = missing(tools_of(item))
        if not lacking:
            return
        text = "; ".join(tool.how_to_get for tool in lacking)
        if self._in_ci:
            pytest.fail(f"CI drives everything, and lacks {text}", pytrace=False)
        item.user_properties.extend((MISSING, tool.name) for tool in lacking)
        pytest.skip(text)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let no skip hide a failure."""
        report = yield
        if report.skipped and not _missing_tools(report):
            report.outcome = "failed"
            report.longrepr = f"skipped, but not for a missing tool: {report.longrepr}"
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Let no module skip itself as a whole."""
        report = yield
        if report.skipped:
            report.outcome = "failed"
            report.longrepr = f"a module may not skip itself: {report.longrepr}"
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Say last, below pytest's own closing line, what was skipped and how to get it."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return
        skipped = [
            name for report in reporter.stats.get("skipped", ()) for name in _missing_tools(report)
        ]
        for line in closing_lines(Counter(skipped)):
            reporter.write_line(line, yellow=True)


def _missing_tools(report: pytest.TestReport) -> list[str]:
    return [str(value) for key, value in report.user_properties if key == MISSING]


def closing_lines(skipped: Counter[str]) -> list[str]:
    """What to print: for each tool, how many tests went unrun for lack of it."""
    if not skipped:
        return []
    lines = ["Skipped, because a tool is missing:"]
    for name, count in sorted(skipped.items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        lines.append(f"  {tests} without {TOOLS[name].how_to_get}")
    return lines
