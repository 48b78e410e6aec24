"""The files of docs/DEPLOYMENT.md: a real nginx passes rooms on, and the commands are ours."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import ssl
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import typer
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import InvalidStatus

from handfast.cli import app as command_line
from signaling import Offer, connect
from signaling.server import create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.network.asgi import serve
from tests.support.network.certificate import write_certificate
from tests.support.network.nginx import nginx
from tests.support.project.source import ROOT
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER = ROOT / "docs" / "deployment"


def _serve_command(words: list[str]) -> dict[str, Any]:
    """What the program understands of a command; it is an error where it does not."""
    known = typer.main.get_command(command_line).commands  # type: ignore[attr-defined] # it is a group
    with known["serve"].make_context("serve", list(words)) as context:
        parameters: dict[str, Any] = context.params
    return parameters


@pytest.mark.needs("nginx")
async def test_nginx_of_the_guide_passes_rooms_on_and_keeps_the_rest_inside(
    tmp_path: Path,
) -> None:
    certificate, key = write_certificate(tmp_path)
    trust = ssl.create_default_context(cafile=certificate)
    rooms = create_app(hosts=["rooms.example"], metrics=True)
    log = tmp_path / "access.log"
    async with asyncio.timeout(DEADLINE), serve(rooms) as base:
        replaced = {
            "/etc/nginx/certificates/fullchain.pem": str(certificate),
            "/etc/nginx/certificates/privkey.pem": str(key),
            "127.0.0.1:8080": base.removeprefix("ws://"),
            "/var/log/nginx/access.log": str(log),
        }
        configuration = (_FOLDER / "nginx.conf").read_text("utf-8")
        async with nginx(tmp_path, configuration, replaced) as port:
            url = f"wss://127.0.0.1:{port}/ws?token=secret"
            first, second = await asyncio.gather(
                connect(url, room="r", ssl=trust), connect(url, room="r", ssl=trust)
            )
            # More than any buffer on the way.
            await first.send(Offer(sdp="v" * 300_000))
            assert await second.receive() == Offer(sdp="v" * 300_000)

            async def page(name: str) -> None:
                async with open_websocket(
                    f"wss://rooms.example:{port}/ws",
                    origin=f"https://{name}:{port}",  # type: ignore[arg-type] # Origin is a NewType of str
                    ssl=trust,
                    server_hostname="127.0.0.1",
                    host="127.0.0.1",
                    port=port,
                ) as websocket:
                    await websocket.send('{"type":"join","room":"other"}')
                    assert json.loads(await websocket.recv())["type"] == "joined"

            await page("rooms.example")
            with pytest.raises(InvalidStatus, match="403"):
                await page("evil.example")
            async with httpx.AsyncClient(verify=trust) as client:
                inside = f"http://{base.removeprefix('ws://')}"
                assert (await client.get(f"{inside}/metrics")).status_code == 200
                ticket = f"https://127.0.0.1:{port}/room-recordings/secret/0"
                assert (await client.get(ticket)).status_code == 404
                for path in ("metrics", "healthz", "readyz"):
                    answer = await client.get(f"https://127.0.0.1:{port}/{path}")
                    assert answer.status_code == 404
            # A server that stops sends its members away, through nginx too.
            async with open_websocket(f"wss://127.0.0.1:{port}/ws", ssl=trust) as websocket:
                await websocket.send('{"type":"join","room":"other"}')
                await websocket.recv()
                draining = asyncio.create_task(rooms.drain())
                await websocket.wait_closed()
                assert websocket.close_code == 1012
                await draining
            await asyncio.gather(first.close(), second.close())
    assert '"GET /ws" 101' in log.read_text()
    assert '"GET /room-recordings/..." 404' in log.read_text()
    assert "secret" not in log.read_text()


@pytest.mark.needs("systemd-analyze")
async def test_systemd_understands_the_unit_of_the_guide(tmp_path: Path) -> None:
    unit = tmp_path / "handfast.service"
    text = (_FOLDER / "handfast.service").read_text("utf-8")
    # Who verifies looks for the program.
    unit.write_text(text.replace("/srv/handfast/bin/handfast", sys.executable))
    process = await asyncio.create_subprocess_exec(
        *(tool_path("systemd-analyze"), "verify", "--man=no", str(unit)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert (process.returncode, "handfast.service" in said.decode()) == (0, False), said.decode()


def test_the_unit_starts_what_the_program_knows_and_waits_for_its_end() -> None:
    text = (_FOLDER / "handfast.service").read_text("utf-8").replace("\\\n", " ")
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    program, command, *words = shlex.split(line)
    assert (program.rpartition("/")[2], command) == ("handfast", "serve")
    understood = _serve_command(words)
    (timeout,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert understood["grace"] + 5 < float(timeout)
    given = set(re.findall(r"%d/(\w+)", line))
    assert given == set(re.findall(r"^LoadCredential=(\w+):", text, re.MULTILINE))


def test_the_composition_starts_what_the_program_knows_and_waits_for_its_end() -> None:
    import yaml

    services = yaml.safe_load((_FOLDER / "compose.yaml").read_text("utf-8"))
    rooms = services["services"]["rooms"]
    docker = (_FOLDER / "Dockerfile").read_text("utf-8")
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", docker, re.MULTILINE)
    program, command, *words = json.loads(entry)
    assert (program, command) == ("handfast", "serve")
    understood = _serve_command([*words, *rooms["command"]])
    assert understood["grace"] + 5 < float(rooms["stop_grace_period"].removesuffix("s"))
    secrets = {str(understood[name]) for name in ("jwt_key", "ice_secret_file")}
    assert secrets == {f"/run/secrets/{name}" for name in rooms["secrets"]}
    assert set(rooms["secrets"]) == set(services["secrets"])
    # nginx reaches it where its configuration says.
    assert rooms["ports"] == ["127.0.0.1:8080:8080"]
    assert "server 127.0.0.1:8080;" in (_FOLDER / "nginx.conf").read_text("utf-8")
    built = (_FOLDER / rooms["build"]["context"]).resolve()
    assert built == ROOT
    assert (built / rooms["build"]["dockerfile"]).is_file()


def test_the_image_installs_what_its_command_needs() -> None:
    docker = (_FOLDER / "Dockerfile").read_text("utf-8")
    (extras,) = re.findall(r"\.whl\)\[([\w,]+)\]", docker)
    assert {"jwt", "metrics"} <= set(extras.split(","))
    (health,) = re.findall(r"^HEALTHCHECK CMD (.*)$", docker, re.MULTILINE)
    compile(json.loads(health)[2], "HEALTHCHECK", "exec")
