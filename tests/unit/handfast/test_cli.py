from __future__ import annotations

import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from handfast.cli import app
from signaling import ConnectError
from tests.support.browser.complaints import complaints
from tests.support.clock.idle_time import AT_ONCE, end_of
from tests.support.media.clips import make_clip
from tests.support.negotiation.connections import within
from tests.support.network.process_end import send_signal
from tests.support.project.handfast_program import handfast_program


def test_a_taken_port_is_one_sentence_and_status_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = CliRunner().invoke(app, ["demo", "--port", str(port)])

    assert result.exit_code == 1
    assert result.stdout == ""
    sentence = f"error: Port {port} is taken by another program; choose one with --port.\n"
    assert result.stderr == sentence


def test_missing_certificate_files_are_one_sentence() -> None:
    arguments = ["demo", "--certfile", "nowhere.pem", "--keyfile", "nowhere.key"]

    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 1
    assert result.stderr == "error: There is no file nowhere.pem.\n"


def test_a_port_out_of_range_is_a_usage_error() -> None:
    assert CliRunner().invoke(app, ["demo", "--port", "65536"]).exit_code == 2


def test_a_recording_is_arranged_in_one_way() -> None:
    both = ["--per-participant", "--composite"]

    result = CliRunner().invoke(app, ["record", "ws://127.0.0.1/ws#a", "out.webm", *both])

    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("command", "joins"),
    [("record", "handfast.recording.session.join"), ("call", "handfast.playing.connect")],
)
def test_a_room_is_shown_the_token_of_the_environment(
    command: str, joins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    async def refuse(url: str, **named: Any) -> None:
        asked.append((url, named))
        raise ConnectError("nobody is there")

    monkeypatch.setattr(joins, refuse)
    monkeypatch.setenv("HANDFAST_TOKEN", "let me in")
    file = str(tmp_path / "out.webm")
    if command == "call":
        make_clip(Path(file), seconds=1)
    options = [file] if command == "record" else ["--play", file]

    result = CliRunner().invoke(app, [command, "https://h.example/room/lobby", *options])

    assert (result.exit_code, result.stderr) == (1, "error: nobody is there\n")
    ((url, named),) = asked
    assert (url, named["room"], named["token"]) == ("wss://h.example/ws", "lobby", "let me in")


@pytest.mark.parametrize("option", ["--json", "--per-participant"])
def test_standard_output_takes_the_recording_or_something_else(option: str) -> None:
    arguments = ["record", "ws://127.0.0.1/ws#a", "-", "--format", "webm", option]

    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_recording_to_standard_output_wants_a_format() -> None:
    result = CliRunner().invoke(app, ["record", "ws://127.0.0.1/ws#a", "-"])

    assert result.exit_code == 1
    assert result.stderr == "error: Standard output has no suffix: give --format.\n"


def test_duration_that_is_none_is_a_usage_error_and_says_how_to_write_one() -> None:
    arguments = ["record", "ws://127.0.0.1/ws#a", "out.webm", "--segment", "soon"]

    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 2
    assert "10s, 5m" in result.stderr


def test_a_call_needs_a_file() -> None:
    assert CliRunner().invoke(app, ["call", "ws://127.0.0.1/ws#a"]).exit_code == 2


def test_the_version_is_printed() -> None:
    assert re.match(r"handfast \d+\.\d+", CliRunner().invoke(app, ["--version"]).stdout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_demo_at_once_and_without_complaint(number: signal.Signals) -> None:
    async with handfast_program("demo", "--port", "0", dev_mode=True) as program:
        assert program.stdout is not None
        said = await within(program.stdout.readuntil(b"Ctrl-C"))
        send_signal(program, number)
        errors, idle = await end_of(program)

    assert b"http://127.0.0.1:" in said
    assert idle < AT_ONCE
    assert complaints(errors) == []
    assert program.returncode == 0
