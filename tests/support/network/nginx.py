"""Runs a real nginx by a configuration of the guides, on a free port of the loopback."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.support.network.free_ports import free_port
from tests.support.network.process_end import kill
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path


@asynccontextmanager
async def nginx(
    folder: Path, configuration: str, replaced: Mapping[str, str]
) -> AsyncIterator[int]:
    """Start nginx; yields its port once it listens.

    Args:
        folder: For its files.
        configuration: A whole nginx.conf, which listens on port 443.
        replaced: What differs on this machine, by what stands in the configuration.

    Raises:
        AssertionError: A text to replace is not there, or nginx ended; the message is its log.
    """
    port = free_port()
    pieces = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = " ".join(f"{piece}_temp_path {folder}/{piece};" for piece in pieces)
    here = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "worker_processes auto;": "worker_processes 1;",
        "\nhttp {\n": f"\nhttp {{\n{folders}\n",
        **replaced,
    }
    for there, instead in here.items():
        assert there in configuration, f"{there!r} is not in the configuration"
        configuration = configuration.replace(there, instead)
    file = folder / "nginx.conf"
    file.write_text(configuration)
    process = await asyncio.create_subprocess_exec(
        *(tool_path("nginx"), "-p", str(folder), "-c", str(file), "-e", "stderr", "-g"),
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr notice;",
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        log = b""
        # It listens before it says by which method it waits for events.
        while b"using the" not in log:
            line = await process.stderr.readline()
            log += line
            assert line, f"nginx ended: {log.decode()}"
        yield port
    finally:
        kill(process)
        await process.communicate()
