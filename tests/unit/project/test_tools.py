"""What counts as having a tool."""

from __future__ import annotations

import pytest

from tests.support.project import tools
from tests.support.project.tools import Tool

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
