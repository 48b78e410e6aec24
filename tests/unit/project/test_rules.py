"""The rules of the house for prose, constants and arguments, and the checker that knows them."""

from __future__ import annotations

import pytest

from tests.support.project.rules import (
    classes_of_one_name,
    constants,
    docstring_faults,
    docstrings,
    interchangeable_arguments,
)
from tests.support.project.source import PACKAGES, SourceFile, python_files

FILES = python_files(*PACKAGES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_file_keeps_the_rules(file: SourceFile) -> None:
    faults = [*docstrings(file), *constants(file), *interchangeable_arguments(file)]
    assert not faults, "\n".join(faults)


def test_no_public_class_name_stands_twice() -> None:
    assert list(classes_of_one_name(FILES)) == []


@pytest.mark.parametrize(
    "text",
    [
        "Owns how late the fastest frames of a track are.",
        "What a receiver hands to readers.",
        "Whether there was any.",
        "Whoever waits looks for himself.",
        "Of what gets through while the way fills up",
        "It is a port.",
        "The same for RTCP packets here.",
        "Seconds, modulo 64.",
        "Calls whoever has subscribed to it.",
    ],
)
def test_docstring_that_makes_no_sense_alone_is_refused(text: str) -> None:
    assert list(docstring_faults(text))


@pytest.mark.parametrize(
    "text",
    [
        "Reorders RTP packets of one SSRC.",
        "One DTLS association and its place in a rekey: adds its identity to every event.",
        "Close the socket at any moment.",
    ],
)
def test_docstring_that_stands_alone_is_taken(text: str) -> None:
    assert not list(docstring_faults(text))


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("LIMIT = 3\n", 1),
        ("# Of so many frames.\nLIMIT = 3\n", 1),
        ("# Most frames of a queue (ours).\nLIMIT = 3\n", 0),
        ("# Bounds of a port (RFC 768).\nLOW = 1\nHIGH = 9\n", 0),
        ("NAME = 'x'\n", 0),
    ],
)
def test_number_needs_a_comment_that_says_what_it_is(text: str, faults: int) -> None:
    assert len(list(constants(SourceFile("peer/example.py", text)))) == faults


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("def f(low: int, high: int): ...", 1),
        ("def f(low: int, high: int | None): ...", 1),
        ("def f(low: int, *, high: int): ...", 0),
        ("def f(low: int, high: str): ...", 0),
    ],
)
def test_arguments_that_can_be_swapped_are_refused(text: str, faults: int) -> None:
    assert len(list(interchangeable_arguments(SourceFile("peer/example.py", text)))) == faults


def test_two_classes_of_one_name_are_refused() -> None:
    files = [SourceFile(f"peer/{name}.py", "class Lane: ...") for name in "ab"]
    assert list(classes_of_one_name(files)) == ["Lane: peer/a.py:1, peer/b.py:1"]
