"""The Dockerfile of docs/DEPLOYMENT.md, its very commands carried out in an empty environment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.network.process_end import kill, send_signal
from tests.support.project.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_DOCKERFILE = ROOT / "docs" / "deployment" / "Dockerfile"
#: Seconds for pip to fetch and install everything.
_LIMIT = 900.0


def _instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, each with its arguments."""
    text = re.sub(r"\\\n\s*", "", _DOCKERFILE.read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


@dataclass
class _Image:
    """What the instructions make: folders, and an environment of Python without any package.

    Args:
        root: Stands for `/`.
        said: Commands that were carried out.
    """

    root: Path
    said: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of its commands."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        return {**kept, "PATH": f"{self.root / 'venv' / 'bin'}:{os.environ['PATH']}"}

    def make(self) -> None:
        """Carry out the instructions that fill the image."""
        base = getattr(sys, "_base_executable", sys.executable)
        subprocess.run([base, "-m", "venv", str(self.root / "venv")], check=True)
        for instruction, arguments in _instructions():
            if instruction == "COPY" and not arguments.startswith("--from"):
                self._copy(*arguments.split())
            elif instruction == "RUN":
                self._run(arguments)

    def _copy(self, *paths: str) -> None:
        *sources, target = paths
        for source in sources:
            to = self.root / target.strip("/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to)
            else:
                to.mkdir(exist_ok=True)
                shutil.copy(ROOT / source, to)

    def _run(self, command: str) -> None:
        # This machine gets no user for it.
        own = command.replace(" && useradd --system rooms", "").replace("&& useradd", "&& false")
        for folder in ("/src", "/wheels"):
            own = re.sub(rf"(?<![\w/]){folder}(?![\w-])", str(self.root / folder.strip("/")), own)
        self.said.append(own)
        subprocess.run(["sh", "-ec", own], env=self.environment, cwd=self.root, check=True)


def test_dockerfile_copies_by_name_only_what_the_package_is_made_of() -> None:
    copied = [
        source
        for instruction, arguments in _instructions()
        if instruction == "COPY" and not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    ]
    packages = {path.parent.name for path in ROOT.glob("*/py.typed")}

    assert set(copied) == packages | {"pyproject.toml", "README.md", "LICENSE"}


@pytest.mark.long
async def test_commands_of_the_dockerfile_make_a_room_server_that_is_healthy_and_stops(
    tmp_path: Path,
) -> None:
    image = _Image(tmp_path)
    found = dict(_instructions())
    entry = json.loads(found["ENTRYPOINT"])
    health = json.loads(found["HEALTHCHECK"].removeprefix("CMD "))
    async with asyncio.timeout(_LIMIT):
        await asyncio.to_thread(image.make)
        assert len(image.said) == 2
        server = await asyncio.create_subprocess_exec(
            *entry,
            *("--port", "0", "--metrics"),
            cwd=tmp_path,
            env=image.environment,
            stdout=subprocess.PIPE,
        )
        try:
            assert server.stdout is not None
            said = (await server.stdout.readline()).decode()
            (port,) = re.findall(r"ws://\S+?:(\d+)/ws", said)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                # What is no module has been packed, too.
                for path in ("/", "/room/r", "/handfast-client.js", "/meeting/main.js"):
                    assert (await client.get(path)).status_code == 200
                assert "handfast_members" in (await client.get("/metrics")).text
            probe = await asyncio.create_subprocess_exec(
                *(word.replace("8080", port) for word in health), env=image.environment
            )
            assert await probe.wait() == 0
            assert found["STOPSIGNAL"] == "SIGTERM"
            send_signal(server, signal.SIGTERM)
            await server.communicate()
            assert server.returncode == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                if server.returncode is None:
                    kill(server)
                    await server.communicate()
