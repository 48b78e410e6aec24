"""Pytest plug-in for missing system tools: skips the tests that need them, and forbids other skips.

A test says what it drives: `@pytest.mark.needs("turnserver")`, `@pytest.mark.browser("firefox")`.
Where that is missing the test is skipped and the last lines of the run say so and how to get it;
with CI=true it fails instead. A skip or an expected failure of any other kind is a failure.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Mapping

import pytest

from tests.support.project.tools import TOOLS, Tool

# All on one xdist worker: two browsers that encode video at once starve each other on two cores.
BROWSER_GROUP = "browsers"

MISSING = "missing-tool"


def tools_of(item: pytest.Item, tools: Mapping[str, Tool]) -> tuple[Tool, ...]:
    """Return the tools that a test drives.

    Raises:
        pytest.UsageError: The test names one that is not among `tools`.
    """
    names = [
        name
        for marker in ("needs", "browser")
        for mark in item.iter_markers(marker)
        for name in mark.args
    ]
    for name in names:
        if name not in tools:
            raise pytest.UsageError(f"{item.nodeid} needs {name!r}; known are {sorted(tools)}")
    return tuple(tools[name] for name in dict.fromkeys(names))


class NeedsPlugin:
    """Pytest plug-in, registered by tests/conftest.py in the controller and in every worker."""

    def __init__(self, config: pytest.Config, tools: Mapping[str, Tool] = TOOLS) -> None:
        self._config = config
        self._tools = tools
        self._in_ci = os.environ.get("CI") == "true"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Check the names of the tools, and keep the browsers' tests together."""
        for item in items:
            tools_of(item, self._tools)
            if item.get_closest_marker("browser") is not None:
                item.add_marker(pytest.mark.xdist_group(BROWSER_GROUP))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip a test before its fixtures run, or fail it in CI."""
        lacking = [tool for tool in tools_of(item, self._tools) if tool.path is None]
        if not lacking:
            return
        text = "; ".join(tool.how_to_get for tool in lacking)
        if self._in_ci:
            pytest.fail(f"CI drives everything, and lacks {text}", pytrace=False)
        item.user_properties.extend((MISSING, tool.name) for tool in lacking)
        pytest.skip(text)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Turn a skip for any other reason into a failure."""
        report = yield
        if report.skipped and not _missing_tools(report):
            report.outcome = "failed"
            # pytest counts no failure that carries this.
            vars(report).pop("wasxfail", None)
            report.longrepr = f"skipped, but not for a missing tool: {report.longrepr}"
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Turn the skip of a whole module into a failure."""
        report = yield
        if report.skipped:
            report.outcome = "failed"
            report.longrepr = f"a module may not skip itself: {report.longrepr}"
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Print below pytest's closing line the skipped tests, and how to get their tools."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return
        skipped = Counter(
            name for report in reporter.stats.get("skipped", ()) for name in _missing_tools(report)
        )
        if skipped:
            reporter.write_line("Skipped, because a tool is missing:", yellow=True)
        for name, count in sorted(skipped.items()):
            tests = "1 test" if count == 1 else f"{count} tests"
            reporter.write_line(f"  {tests} without {self._tools[name].how_to_get}", yellow=True)


def _missing_tools(report: pytest.TestReport) -> list[str]:
    return [str(value) for key, value in report.user_properties if key == MISSING]
