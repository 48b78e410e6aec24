"""The command `handfast trace`: its output, its files, and its errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from handfast.cli import app
from peer.tracing.file import TraceWriter
from tests.support.tracing.ladders import connected

if TYPE_CHECKING:
    from peer.tracing.events import TraceEvent


def write(path: Path, events: list[TraceEvent]) -> Path:
    with TraceWriter(path) as writer:
        for event in events:
            writer(event)
    return path


@pytest.fixture
def alice(tmp_path: Path) -> Path:
    return write(tmp_path / "alice.jsonl", connected().offerer)


@pytest.fixture
def bob(tmp_path: Path) -> Path:
    return write(tmp_path / "bob.jsonl", connected().answerer)


def run(*arguments: Path | str) -> Result:
    return CliRunner().invoke(app, ["trace", *map(str, arguments)], env={"COLUMNS": "80"})


def test_one_trace_is_drawn_with_a_peer(alice: Path) -> None:
    result = run(alice)

    assert result.exit_code == 0
    assert "alice" in result.stdout
    assert "peer" in result.stdout
    assert "ClientHello" in result.stdout


def test_two_traces_are_drawn_side_by_side(alice: Path, bob: Path) -> None:
    result = run(alice, bob)

    assert result.exit_code == 0
    assert "took 4.0 ms" in result.stdout
    assert "bob" in result.stdout


def test_a_page_is_written_and_its_verdict_said(alice: Path, bob: Path, tmp_path: Path) -> None:
    page = tmp_path / "ladder.html"

    result = run(alice, bob, "--html", page)

    assert result.exit_code == 0
    assert result.stdout.startswith("Connected after 90.3 ms")
    assert str(page) in result.stdout
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_details_are_told_where_they_are_asked_for(alice: Path) -> None:
    detail = "54.0 ms ← ClientHello (245 bytes)"

    assert detail not in run(alice).stdout
    assert detail in run(alice, "--details").stdout


def test_two_files_of_one_name_are_called_by_their_folders(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first = write(tmp_path / "a" / "trace.jsonl", connected().offerer)
    second = write(tmp_path / "b" / "trace.jsonl", connected().answerer)
    page = tmp_path / "ladder.html"

    assert run(first, second, "--html", page).exit_code == 0
    assert f"{first} and {second}" in page.read_text("utf-8")


def refusal(*arguments: Path | str) -> str:
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("error: ").strip()


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.jsonl"

    assert refusal(path) == f"There is no file {path}."


def test_an_empty_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.touch()

    assert refusal(path) == f"{path} is empty: nothing was traced."


@pytest.mark.parametrize(
    "line",
    [b"nonsense", b"{}", b"[]", b"\xff\xfe", b'{"event": "Failed"}', b"\x00" * 100],
)
def test_what_is_no_trace_is_one_sentence_with_the_line(line: bytes, alice: Path) -> None:
    alice.write_bytes(alice.read_bytes() + line + b"\n")
    number = alice.read_bytes().count(b"\n")

    assert refusal(alice).startswith(f"{alice} is no trace, line {number}: ")


def test_a_page_that_cannot_be_written_is_one_sentence(alice: Path, tmp_path: Path) -> None:
    page = tmp_path / "nowhere" / "ladder.html"

    assert refusal(alice, "--html", page) == f"Cannot write {page}: No such file or directory."


def test_a_trace_is_not_written_over(alice: Path) -> None:
    before = alice.read_bytes()

    assert (
        refusal(alice, "--html", alice) == f"{alice} is a trace that is read; choose another file."
    )
    assert alice.read_bytes() == before


def test_folder_stands_for_the_traces_in_it(tmp_path: Path) -> None:
    write(tmp_path / "20261129T120000-7-pc-1.trace", connected().offerer)
    write(tmp_path / "20261129T120000-7-pc-2.trace", connected().answerer)

    result = run(tmp_path)

    assert result.exit_code == 0
    assert "took 4.0 ms" in result.stdout


def test_folder_with_many_traces_is_answered_with_their_names(tmp_path: Path) -> None:
    for number in range(1, 4):
        write(tmp_path / f"20261129T120000-7-pc-{number}.trace", connected().offerer)

    result = run(tmp_path)

    assert result.exit_code == 1
    assert "has 3 traces; name one" in result.stderr
    assert "pc-3.trace" in result.stderr


def test_folder_without_traces_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path)

    assert result.exit_code == 1
    assert "There is no trace (*.trace) in" in result.stderr
