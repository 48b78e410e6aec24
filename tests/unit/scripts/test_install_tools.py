"""Installation of tools installs the missing ones only, and starts no service."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from scripts import install_tools
from tests.support.project.tools import Tool

BROWSER = Tool("browser", ("no-such-browser",), ("browser", "font"))
MODULE = Tool("module", ("sh",), files=("/no/such/module",), modules=("module@1",))
SERVER = Tool("server", ("no-such-server",), ("server", "font"), service="server.service")


class Machine:
    """A machine that records what would be run on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, root: bool, status: int = 0) -> None:
        self.commands: list[list[str]] = []
        self._status = status
        monkeypatch.setattr(install_tools, "may_install", lambda: root)
        monkeypatch.setattr(subprocess, "run", self._run)
        monkeypatch.setattr(shutil, "which", lambda _: "systemctl")

    def lacks(self, monkeypatch: pytest.MonkeyPatch, *tools: Tool) -> None:
        monkeypatch.setattr(install_tools, "missing", lambda _: tools)

    def _run(
        self,
        command: list[str],
        *,
        check: bool,
        env: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> None:
        self.commands.append([word for word in command if not word.startswith("--")])
        if check and self._status:
            raise subprocess.CalledProcessError(self._status, command)


def test_missing_packages_are_installed_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, root=True)
    machine.lacks(monkeypatch, BROWSER, SERVER)
    install_tools.main(["browser", "server"])
    assert machine.commands[-2:] == [
        ["apt-get", "update"],
        ["apt-get", "install", "browser", "font", "server"],
    ]


def test_a_service_is_masked_before_its_package_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, root=True)
    machine.lacks(monkeypatch, SERVER)
    install_tools.main(["server"])
    assert machine.commands[0] == ["systemctl", "mask", "server.service"]


def test_no_installer_runs_where_no_tool_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, root=True)
    machine.lacks(monkeypatch)
    install_tools.main(["browser"])
    assert machine.commands == []


def test_without_the_right_to_install_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(monkeypatch, root=False)
    machine.lacks(monkeypatch, BROWSER)
    install_tools.main(["browser"])
    assert machine.commands == []
    assert "browser: apt-get install browser font" in capsys.readouterr().err


def test_a_failing_apt_get_does_not_stop_the_tests(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(monkeypatch, root=True, status=100)
    machine.lacks(monkeypatch, BROWSER)
    install_tools.main(["browser"])
    assert "apt-get exited with 100" in capsys.readouterr().err


def test_a_module_of_npm_needs_no_right_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, root=False)
    machine.lacks(monkeypatch, MODULE)
    install_tools.main(["module"])
    assert machine.commands == [["npm", "install", "module@1"]]


def test_a_failing_npm_does_not_stop_the_tests(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(monkeypatch, root=True, status=1)
    machine.lacks(monkeypatch, MODULE)
    install_tools.main(["module"])
    assert "npm" in capsys.readouterr().err


def test_a_tool_is_missing_where_its_files_are() -> None:
    assert MODULE.path is None
    assert MODULE.how_to_get == "module: npm install --prefix .cache/node module@1"
