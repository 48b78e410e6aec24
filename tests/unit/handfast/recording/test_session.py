"""Check of the options before a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handfast.recording.session import STANDARD_OUTPUT, RecordError, RecordOptions, check
from handfast.rooms import RoomAddress


def options(path: Path, **changes: Any) -> RecordOptions:
    return RecordOptions(address=RoomAddress.parse("ws://127.0.0.1/ws#a"), path=path, **changes)


@pytest.mark.parametrize("name", ["out.avi", "out", "nowhere/out.webm", "out-{x}.webm"])
def test_path_that_cannot_be_recorded_to_is_refused_in_one_sentence(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(RecordError, match=r"^[^\n]+\.$"):
        check(options(tmp_path / name))
    check(options(tmp_path / "out.webm"))
    check(options(tmp_path / "out", format="webm"))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("out.wav", {}),
        ("out.flac", {"rate": 44_100}),
        ("out.ogg", {"rate": 24_000}),
        ("out", {"format": "wav"}),
        ("out.ogg", {"sidecar": True}),
    ],
)
def test_sound_is_recorded_in_any_of_its_formats(
    tmp_path: Path, name: str, changes: dict[str, Any]
) -> None:
    check(options(tmp_path / name, **changes))


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("out.webm", {"rate": 16_000}, "A rate goes with WAV"),
        ("out.ogg", {"rate": 44_100}, "Ogg has a rate of"),
        ("out.wav", {"rate": 100}, "a rate is 4000 to 192000 Hz"),
        ("out.wav", {"rate": 0}, "a rate is 4000 to 192000 Hz"),
        ("out.wav", {"segment": 10.0}, "no --segment"),
        ("out.flac", {"sidecar": True}, "no --sidecar"),
        ("nowhere/out.wav", {}, "There is no folder"),
    ],
)
def test_options_that_contradict_a_format_are_refused_by_name(
    tmp_path: Path, name: str, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecordError, match=reason):
        check(options(tmp_path / name, **changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "wav"}, "A pipe takes no WAV"),
        ({"format": "mkv", "sidecar": True}, "A sidecar lies beside a file"),
        ({}, "give --format"),
    ],
)
def test_pipe_takes_what_can_be_written_without_going_back(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecordError, match=reason):
        check(options(STANDARD_OUTPUT, **changes))
