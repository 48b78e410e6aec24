"""A missing tool is always reported, and nothing else can skip a test."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
from tests.support.project.needs import NeedsPlugin
from tests.support.project.tools import Tool

ABSENT = Tool("absent", ("no-such-command",), ("absent-package",))
PRESENT = Tool("present", ("no-such-command", "sh"), ("dash",))


def pytest_configure(config):
    for marker in ("needs", "browser"):
        config.addinivalue_line("markers", marker)
    tools = {tool.name: tool for tool in (ABSENT, PRESENT)}
    config.pluginmanager.register(NeedsPlugin(config, tools))
"""

NEEDS = "import pytest\n@pytest.mark.{marker}('{tool}')\ndef test_it(): pass\n"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(pytester, monkeypatch)


class Run:
    """Runs pytest on one module, at somebody's desk or in CI."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        self._monkeypatch = monkeypatch
        pytester.makeconftest(CONFTEST)

    def __call__(self, module: str, *options: str, ci: bool = False) -> pytest.RunResult:
        self._monkeypatch.setenv("CI", "true" if ci else "")
        self._monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        self._pytester.makepyfile(module)
        return self._pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)


@pytest.mark.parametrize("marker", ["needs", "browser"])
def test_a_test_without_its_tool_is_skipped(run: Run, marker: str) -> None:
    run(NEEDS.format(marker=marker, tool="absent")).assert_outcomes(skipped=1)


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")])
def test_the_last_lines_say_how_to_get_what_is_missing(run: Run, options: tuple[str, ...]) -> None:
    result = run(NEEDS.format(marker="needs", tool="absent"), *options)
    assert result.outlines[-2:] == [
        "Skipped, because a tool is missing:",
        "  1 test without absent: apt-get install absent-package",
    ]


def test_in_ci_a_missing_tool_is_a_failure(run: Run) -> None:
    result = run(NEEDS.format(marker="needs", tool="absent"), ci=True)
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_test_with_its_tool_runs_and_nothing_is_said(run: Run) -> None:
    result = run(NEEDS.format(marker="needs", tool="present"), ci=True)
    result.assert_outcomes(passed=1)
    assert "1 passed" in result.outlines[-1]


def test_a_tool_that_nobody_knows_is_refused(run: Run) -> None:
    result = run(NEEDS.format(marker="needs", tool="misspelt"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_browsers_are_all_on_one_worker(run: Run) -> None:
    module = """
        import os, pytest

        @pytest.mark.browser("present")
        @pytest.mark.parametrize("number", range(6))
        def test_it(number):
            print("runs on", os.environ["PYTEST_XDIST_WORKER"])
    """
    result = run(module, "-p", "xdist", "-n", "2", "--dist", "loadgroup", "-rP")
    assert len({line for line in result.outlines if line.startswith("runs on")}) == 1


@pytest.mark.parametrize(
    "module",
    [
        "import pytest\ndef test_it(): pytest.skip('later')",
        "import pytest\n@pytest.mark.skip\ndef test_it(): pass",
        "import pytest\n@pytest.mark.xfail\ndef test_it(): raise ValueError",
        "import pytest\n@pytest.fixture\ndef f(): pytest.skip()\ndef test_it(f): pass",
    ],
    ids=["call", "mark", "xfail", "fixture"],
)
def test_any_other_skip_is_a_failure(run: Run, module: str) -> None:
    assert run(module).ret == pytest.ExitCode.TESTS_FAILED


def test_a_module_that_skips_itself_is_an_error(run: Run) -> None:
    assert run("import pytest\npytest.importorskip('no_such')").ret == pytest.ExitCode.INTERRUPTED
