"""Starts a real browser for a test: Chromium over CDP, Firefox over WebDriver BiDi.

::

    async with open_browser("firefox") as browser:
        page = await browser.open("http://127.0.0.1:8080/")
        await page.wait_for("document.title === 'handfast'")
"""

from __future__ import annotations

import contextlib
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from tests.support.browser.browsing import Browser, Look, Page
from tests.support.browser.chromium import Chromium
from tests.support.browser.firefox import Firefox
from tests.support.browser.remote import RemoteError
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Browser", "BrowserName", "Look", "Page", "RemoteError", "open_browser"]


class BrowserName(StrEnum):
    """Names of the browsers in `tests.support.project.tools`."""

    CHROMIUM = "chromium"
    FIREFOX = "firefox"


@contextlib.asynccontextmanager
async def open_browser(name: BrowserName | str, look: Look | None = None) -> AsyncIterator[Browser]:
    """Start a browser with a fresh profile.

    Its processes and its profile are gone at the end, whatever happens.
    """
    name = BrowserName(name)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True) as folder:
        async with _start(name, Path(folder), look or Look()) as browser:
            yield browser


def _start(
    name: BrowserName, folder: Path, look: Look
) -> contextlib.AbstractAsyncContextManager[Browser]:
    match name:
        case BrowserName.CHROMIUM:
            return Chromium.start(tool_path(name), folder, look)
        case BrowserName.FIREFOX:
            return Firefox.start(tool_path(name), folder, look)
        case _:
            assert_never(name)
