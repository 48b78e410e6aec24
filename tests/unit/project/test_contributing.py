"""CONTRIBUTING.md, held against the tree: a recipe that names a file or a command must be true."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.peers.third_party import ThirdParty
from tests.support.project.source import ROOT, SourceFile, python_files

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
#: The codecs to copy, by the mark around the list of their files.
EXAMPLES = {"codec": "vp9", "audio codec": "g722"}


def docstrings(tree: ast.AST) -> set[int]:
    """The nodes of a file that are docstrings."""
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }


def code_words(file: SourceFile) -> Iterator[str]:
    """Names and texts of a file, without its docstrings and comments."""
    told = docstrings(file.tree)
    for node in ast.walk(file.tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in told:
                yield text
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.ImportFrom(module=str(name)):
                yield name


@pytest.mark.parametrize(("mark", "example"), EXAMPLES.items())
def test_codec_recipe_lists_every_file_that_knows_the_example(mark: str, example: str) -> None:
    block = re.search(f"<!-- {mark} -->\n(.*?)<!-- end of {mark} -->", TEXT, re.DOTALL)
    assert block
    found = {
        file.name
        for file in python_files("peer", "media")
        if any(example in word.lower() for word in code_words(file))
    }
    assert set(re.findall(r"`([\w/]+\.py)`", block[1])) == found


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`make (\w+)", TEXT))))
def test_command_exists(command: str) -> None:
    assert re.search(rf"^{command}:", MAKEFILE, re.MULTILINE)


def test_one_file_can_be_tested_without_installing_browsers() -> None:
    commands = subprocess.run(
        ["make", "-n", "unit", "TESTS=tests/unit/transport/test_tap.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "pytest -q -n auto --dist loadgroup tests/unit/transport/test_tap.py" in commands
    assert "install_tools" not in commands


#: Paths of the text that are there, rather than made by a run or by the reader.
PATHS = {
    path
    for path in re.findall(r"`([\w./]+/[\w./]*)`", TEXT)
    if "NAME" not in path and not path.startswith(("artifacts", ".venv"))
}


@pytest.mark.parametrize("path", sorted(PATHS))
def test_path_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("peer", ThirdParty)
def test_every_peer_of_the_matrix_is_where_the_recipe_says(peer: ThirdParty) -> None:
    peers = re.search(r"^PEERS := (.*)$", MAKEFILE, re.MULTILINE)
    assert peers
    assert peer.value in peers[1].split()
    assert f'"{peer.value}"' in (ROOT / "tests/support/project/tools.py").read_text()
    assert f"ThirdParty.{peer.name}" in (ROOT / "tests/support/peers/interop.py").read_text()
    programs = {file.stem for file in (ROOT / "tests/interop/programs").iterdir()}
    assert peer.value in programs | {"chromium", "firefox"}


def test_findings_run_from_a_folder_of_their_own() -> None:
    for script in (ROOT / "findings").glob("*.sh"):
        text = script.read_text()
        assert "mktemp -d" in text, script.name
        assert "trap" in text, script.name
