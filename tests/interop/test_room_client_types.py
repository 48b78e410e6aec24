"""The types of the room client, as TypeScript reads them from its JSDoc."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.project.tools import NODE_MODULES, ROOT, tool_path

_CLIENT = ROOT / "signaling" / "browser" / "handfast-client.js"
_OPTIONS = (
    *("--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022", "--module", "esnext"),
    *("--skipLibCheck", "--lib", "es2022,dom,dom.iterable"),
)


async def _complaints(file: Path) -> str:
    compiler = NODE_MODULES / "typescript" / "bin" / "tsc"
    process = await asyncio.create_subprocess_exec(
        *(tool_path("typescript"), compiler, *_OPTIONS, file),
        stdout=asyncio.subprocess.PIPE,
        cwd=file.parent,
    )
    said, _ = await process.communicate()
    return said.decode()


@pytest.mark.needs("typescript")
async def test_typescript_finds_no_fault_in_the_room_client_and_one_in_its_misuse(
    tmp_path: Path,
) -> None:
    misuse = tmp_path / "misuse.js"
    misuse.write_text(
        f'import {{ join }} from "{_CLIENT}";\n'
        'const room = await join({ room: "lobby" });\n'
        'room.on("chat", ({ text }) => text.toUpperCase());\n'
        'room.on("participant", ({ connection }) => connection.getStats());\n'
        "export {};\n"
    )
    said = await _complaints(misuse)

    assert _CLIENT.name not in said
    (only,) = said.splitlines()
    assert "misuse.js(4," in only
    assert "'connection' is possibly 'null'" in only
