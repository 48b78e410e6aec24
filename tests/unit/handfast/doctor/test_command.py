"""The command `handfast doctor`: what it takes, what it says, and how long it takes at most."""

from __future__ import annotations

import json
import socket

import pytest
from typer.testing import CliRunner

from handfast.cli import app
from handfast.doctor.examination import Examination, examine
from handfast.doctor.findings import Subject
from peer import IceServer
from tests.support.clock.virtual_time import run_in_virtual_time


def test_a_room_server_that_is_not_there_is_a_failure_and_status_1() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json", "ws://127.0.0.1:9/ws"])

    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["healthy"] is False
    (room,) = [each for each in document["findings"] if each["subject"] == "room"]
    assert room["severity"] == "failure"
    assert room["sentence"] == "ws://127.0.0.1:9/ws is not reached: Connection refused."
    assert room["remedy"]


def test_without_a_server_nothing_fails_and_the_status_is_0() -> None:
    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == 0
    assert "No STUN server is named" in " ".join(result.stdout.split())
    assert "failure" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["doctor", "ftp://a"], 1, "A room's address is"),
        (["doctor", "--ice-server", "turn:a"], 1, "turn:a needs a user and a secret"),
        (["doctor", "--ice-server", "http://a"], 1, "starts with stun:, turn: or turns:"),
        (["doctor", "--room-servers"], 2, "needs a ROOM-URL"),
    ],
)
def test_what_cannot_be_looked_at_is_named_at_once(
    arguments: list[str], status: int, words: str
) -> None:
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == status
    assert words in " ".join(result.stderr.split())


def test_servers_that_take_connections_and_say_nothing_are_given_up_in_time() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(("127.0.0.1", 0))
        tcp, udp = listener.getsockname()[1], datagrams.getsockname()[1]
        servers = (
            IceServer(f"stun:127.0.0.1:{udp}"),
            IceServer(f"turn:127.0.0.1:{udp}?transport=udp", username="u", credential="p"),
            IceServer(f"turns:127.0.0.1:{tcp}", username="u", credential="p"),
        )

        async def look() -> None:
            options = Examination(
                ice_servers=servers, room_url=f"wss://127.0.0.1:{tcp}/ws", timeout=5.0
            )
            findings = await examine(options)
            silent = [each for each in findings if "within 5 s" in each.sentence]
            assert [each.subject for each in silent] == [
                Subject.STUN,
                *2 * [Subject.TURN],
                Subject.ROOM,
            ]

        # One question after another to the room, and to one server.
        assert run_in_virtual_time(look) < 20
