from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from handfast.cli import app
from handfast.room_recordings.bounds import RecordingBounds
from handfast.serving import ServeError, limits_from
from signaling.server import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from handfast.console import Console
    from handfast.serving import ServeOptions


def _options_of(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> ServeOptions:
    """Return what `handfast serve` would serve with these arguments."""
    taken: list[ServeOptions] = []

    async def take(options: ServeOptions, _: Console) -> None:
        taken.append(options)

    monkeypatch.setattr("handfast.serve_command._serve_rooms", take)
    result = CliRunner().invoke(app, ["serve", *arguments])
    assert result.exit_code == 0, result.output
    return taken[0]


def test_rooms_have_their_usual_bounds_where_no_option_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _options_of([], monkeypatch).limits == Limits()


def test_bounds_of_rooms_are_those_of_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--max-rooms", "7", "--max-members", "5000", "--max-room-members", "3"]
    options = _options_of([*arguments, "--messages-per-second", "2.5"], monkeypatch)
    expected = Limits(rooms=7, members=5000, members_per_room=3, messages_per_second=2.5)
    assert options.limits == expected
    # Each member is a TCP connection.
    assert options.web.connections is not None
    assert options.web.connections > 5000


@pytest.mark.parametrize(
    "arguments",
    [
        ["--max-rooms", "0"],
        ["--max-members", "-1"],
        ["--max-members", "many"],
        ["--max-room-members", "65"],
    ],
)
def test_a_bound_that_is_none_is_a_usage_error_that_names_its_option(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["serve", *arguments])
    assert result.exit_code == 2
    assert arguments[0] in result.stderr


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_one_sentence(rate: float) -> None:
    with pytest.raises(ServeError, match="--messages-per-second is more than 0 and at most"):
        limits_from(rooms=1, members=1, members_per_room=1, messages_per_second=rate)


def test_what_may_come_in_a_second_may_come_at_once() -> None:
    limits = limits_from(rooms=1, members=1, members_per_room=1, messages_per_second=999.5)
    assert limits.burst == 1000


def test_recordings_are_off_unless_they_are_given_a_folder_and_bounds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert _options_of([], monkeypatch).recordings is None
    arguments = ["--recordings", str(tmp_path), "--max-recordings", "3"]
    options = _options_of([*arguments, "--max-recording-time", "5m"], monkeypatch)
    assert options.recordings == tmp_path
    assert options.recording_bounds == RecordingBounds(at_once=3, longest=300.0)
