"""docs/TURN.md: its coturn runs, takes our credentials, and its commands have those options."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
import typer

from handfast.cli import app
from handfast.doctor.examination import Examination, examine
from handfast.doctor.findings import Severity, Subject
from handfast.ice_options import SECRET_VARIABLE, ice_servers, servers_of
from tests.support.negotiation.connections import within
from tests.support.network.certificate import write_certificate
from tests.support.network.turn import turn_daemon
from tests.support.project.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_PAGE = (ROOT / "docs" / "TURN.md").read_text()
#: What each test machine has otherwise.
_OURS = {"listening-port", "tls-listening-port", "realm"}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)


def _settings() -> list[str]:
    (configuration,) = _blocks("conf")
    lines = [line for line in configuration.splitlines() if line and not line.startswith("#")]
    return [line for line in lines if line.partition("=")[0] not in _OURS]


@pytest.mark.needs("turnserver")
async def test_coturn_of_the_guide_relays_for_credentials_made_from_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    files = {"cert": certificate, "pkey": key}
    options = [
        f"--{name}={files[name]}" if (name := line.partition("=")[0]) in files else f"--{line}"
        for line in _settings()
    ]
    (secret,) = re.findall(r"^static-auth-secret=(.*)$", _PAGE, re.MULTILINE)
    async with turn_daemon(tmp_path, *options) as turn:
        urls = [
            turn.stun_url,
            f"turn:{turn.host}:{turn.port}",
            f"turns:{turn.host}:{turn.tls_port}",
        ]
        servers = {
            word: servers_of(ice_servers(urls, None, {SECRET_VARIABLE: word}), "doctor")
            for word in (secret, "another")
        }
        right, wrong = [
            await within(examine(Examination(ice_servers=each, timeout=60.0)))
            for each in servers.values()
        ]

    relays = [each.sentence for each in right if each.subject is Subject.TURN]
    assert [re.sub(r".* by (\w+) gives the relay .*", r"\1", each) for each in relays] == [
        "UDP",
        "TCP",
        "TLS",
    ]
    refused = [each.sentence for each in wrong if each.severity is Severity.FAILURE]
    assert [each.rpartition(" gives no relay: ")[2] for each in refused] == 2 * [
        "401 Unauthorized."
    ]


def test_commands_of_the_guide_have_those_options() -> None:
    commands = [
        shlex.split(line)[1:]
        for block in _blocks("sh")
        for line in block.splitlines()
        if line.startswith("handfast ")
    ]
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group
    for name, *words in commands:
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options
    assert {name for name, *_ in commands} == {"serve", "demo", "record", "doctor"}
