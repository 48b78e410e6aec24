"""What counts as having a tool."""

from __future__ import annotations

import pytest

from tests.support.project import tools
from tests.support.project.tools import Tool

FOLDER = tools.PYTHON_MODULES.relative_to(tools.ROOT)
SHELL = Tool("shell", ("sh",), ("dash",), privileged=True)


@pytest.fixture
def without_privilege(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_may_administer", lambda: False)


@pytest.mark.usefixtures("without_privilege")
def test_privileged_tool_is_missing_without_privilege() -> None:
    assert SHELL.path is None
    assert SHELL.how_to_get.endswith("be root with CAP_SYS_ADMIN")


@pytest.mark.usefixtures("without_privilege")
def test_tool_without_privilege_counts_as_installed() -> None:
    assert SHELL.installed is not None


def test_tool_of_pypi_says_how_to_get_it_apart_from_what_the_tests_import() -> None:
    tool = Tool("stack", ("python3",), distributions=("stack==1.0",))
    assert tool.how_to_get == f"stack: pip install --target {FOLDER} stack==1.0"
