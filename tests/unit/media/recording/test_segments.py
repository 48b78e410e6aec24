"""The names of a series: what is there already is not written over, but for the name given."""

from __future__ import annotations

from pathlib import Path

import pytest

from media.recording.segments import FileNames


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("out.webm", ["out.webm", "out-2.webm", "out-3.webm"]),
        ("out-{n:03}.webm", ["out-001.webm", "out-002.webm", "out-003.webm"]),
        ("{{{n}}}.mkv", ["{1}.mkv", "{2}.mkv", "{3}.mkv"]),
    ],
)
def test_files_are_named_by_their_number(path: str, names: list[str]) -> None:
    assert [FileNames(path).name(number) for number in (1, 2, 3)] == [Path(each) for each in names]


@pytest.mark.parametrize(
    ("path", "anew", "present", "numbers"),
    [
        ("out.webm", True, (), [1, 2]),
        ("out.webm", True, ("out.webm",), [1, 2]),
        ("out.webm", True, ("out.webm", "out-2.webm"), [1, 3]),
        ("out.webm", False, ("out.webm", "out-3.webm"), [2, 4]),
        ("out.webm", False, ("out-2.webm",), [1, 3]),
        ("out-{n}.webm", True, ("out-1.webm", "out-2.webm"), [3, 4]),
        ("out-{n}.webm", False, ("out-2.webm",), [1, 3]),
    ],
)
def test_names_that_are_taken_are_passed_over(
    tmp_path: Path, path: str, anew: bool, present: tuple[str, ...], numbers: list[int]
) -> None:
    for name in present:
        (tmp_path / name).touch()
    names = FileNames(tmp_path / path, anew=anew)
    first = names.after(0)
    assert [first, names.after(first)] == numbers


def test_a_link_to_nothing_takes_a_name_too(tmp_path: Path) -> None:
    (tmp_path / "out-2.webm").symlink_to("nowhere")
    assert FileNames(tmp_path / "out.webm").after(1) == 3


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("out-{number}.webm", "no field but n"),
        ("out-{}.webm", "no field but n"),
        ("out-{{n}}.webm", "without the field n"),
        ("out-{n.webm", "expected"),
    ],
)
def test_malformed_templates_are_refused(path: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FileNames(path)
