"""Common parts of the drivers of both browsers: a page, a browser, and its process."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import signal
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from tests.support.browser.remote import RemoteError
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Seconds for a browser to start, and to end (ours).
_END_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Settings of a browser's windows and permissions.

    Args:
        width: Of the viewport, in CSS pixels.
        height: Of the viewport, in CSS pixels.
        dark: What `prefers-color-scheme` says.
        camera: Whether the browser has a (false) camera and microphone, or refuses them.
    """

    width: int = 1280
    height: int = 900
    dark: bool = False
    camera: bool = True


class Page(ABC):
    """One tab of a browser."""

    @abstractmethod
    async def evaluate(self, script: str, *, timeout: float = DEADLINE) -> Any:
        """Evaluate an expression, awaiting a promise. Raises RemoteError if it throws."""

    @abstractmethod
    async def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a screenshot of the viewport, or of the whole document, as PNG."""

    @abstractmethod
    async def close(self) -> None:
        """Close the tab as a user would: the page gets its `pagehide`."""

    async def reload(self) -> None:
        """Load the page anew, as a user's key does, and wait until it has loaded."""
        await self.evaluate("void (globalThis.beforeReload = true)")
        await self.evaluate("void setTimeout(() => location.reload())")
        loaded = "globalThis.beforeReload === undefined && document.readyState === 'complete'"
        async with asyncio.timeout(DEADLINE):
            while True:
                # In the middle of it there is no page that could answer.
                with contextlib.suppress(RemoteError):
                    if await self.evaluate(loaded):
                        return
                await asyncio.sleep(0.05)

    async def wait_for(self, condition: str, *, timeout: float = DEADLINE) -> Any:
        """Wait until an expression is truthy in the page, and return its value.

        Raises:
            RemoteError: It was not truthy within `timeout` seconds.
        """
        looking = f"""new Promise((resolve, reject) => {{
            const end = performance.now() + {timeout * 1000};
            const look = async () => {{
                const value = await ({condition});
                if (value) resolve(value);
                else if (performance.now() > end) reject(new Error("still " + String(value)));
                else setTimeout(look, 30);
            }};
            look().catch(reject);
        }})"""
        try:
            return await self.evaluate(looking, timeout=timeout + 10)
        except RemoteError as error:
            raise RemoteError(f"waited {timeout:g} s for `{condition}`: {error}") from None


@dataclass(slots=True)
class Browser(ABC):
    """A running browser with a fresh profile.

    Attributes:
        complaints: What its pages wrote to the console as errors, and exceptions not caught.
    """

    look: Look
    complaints: list[str] = field(default_factory=list)

    @abstractmethod
    async def open(self, url: str) -> Page:
        """Open a tab and wait until it has loaded."""


class BrowserProcess:
    """Process group of a browser, and the address of its debugging interface."""

    def __init__(self, command: Sequence[str], announcement: str, folder: Path) -> None:
        self._command = command
        self._announcement = re.compile(announcement)
        self._folder = folder

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # A group of its own, so that its children can be ended with it by its id.
            start_new_session=True,
            env={**os.environ, "HOME": str(self._folder), "MOZ_HEADLESS": "1"},
        )
        self._url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._drain = asyncio.create_task(self._read(), name="browser stderr")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END_TIMEOUT):
                    await self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await self._drain

    async def url(self) -> str:
        """Address of the WebSocket for the driver."""
        async with asyncio.timeout(DEADLINE):
            return await self._url

    async def _read(self) -> None:
        assert self._process.stderr is not None
        said: list[str] = []
        async for line in self._process.stderr:
            if self._url.done():
                continue
            text = line.decode(errors="replace").rstrip()
            said.append(text)
            if found := self._announcement.search(text):
                self._url.set_result(found.group(1))
        if not self._url.done():
            self._url.set_exception(RemoteError("the browser ended: " + " | ".join(said[-5:])))


def value_of(text: object) -> Any:
    """Parse the value of an expression made by `as_json`."""
    return json.loads(text) if isinstance(text, str) else None


def as_json(script: str) -> str:
    """Wrap an expression so that its value is JSON text, which both protocols carry alike."""
    return f"(async () => JSON.stringify(await ({script})))()"


def write_png(path: Path, data: str) -> None:
    """Decode base64 into a file, and create its folder where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(data))
