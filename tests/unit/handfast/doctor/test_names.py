"""A module of somebody else in the way of our top-level packages: said in one sentence."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from handfast.doctor.findings import Severity
from handfast.doctor.names import check_names, hidden_packages, mixed_packages
from tests.support.negotiation.connections import within

if TYPE_CHECKING:
    from pathlib import Path


def test_our_packages_are_found_beside_the_program() -> None:
    assert hidden_packages() == []
    assert [each.severity for each in check_names()] == [Severity.OK]


def test_packages_of_another_folder_are_each_named(tmp_path: Path) -> None:
    assert [each.sentence.rpartition(" hides ")[2] for each in hidden_packages(tmp_path)] == [
        "the package 'media' of handfast.",
        "the package 'peer' of handfast.",
        "the package 'signaling' of handfast.",
    ]


def test_a_distribution_that_has_one_of_our_packages_is_named() -> None:
    (finding,) = mixed_packages(
        {"peer": ["handfast"], "media": ["handfast", "media"], "other": ["other"]}
    )
    assert finding.sentence.startswith("The distribution 'media' has a package 'media' too")
    assert "pip uninstall media" in finding.remedy


@pytest.mark.parametrize("command", [["serve"], ["doctor", "--json"]])
async def test_a_module_in_the_way_ends_every_command_with_its_file(
    command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "media.py").write_text("")
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "handfast", *command),
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "1000"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await within(program.communicate())

    assert program.returncode == 1
    if "--json" in command:
        (finding,) = json.loads(out)["findings"]
        said = finding["sentence"]
    else:
        assert out == b""
        said = err.decode()
    assert f"{tmp_path / 'media.py'} hides the package 'media'" in said
    assert "Traceback" not in said
