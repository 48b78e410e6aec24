"""Driver of Chromium by the Chrome DevTools Protocol."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.browser.browsing import (
    Browser,
    BrowserProcess,
    Look,
    Page,
    as_json,
    value_of,
    write_png,
)
from tests.support.browser.remote import Remote, RemoteError
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-breakpad",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--remote-debugging-port=0",
)
_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
_NO_CAMERA = ("--use-fake-device-for-media-stream", "--deny-permission-prompts")


@dataclass(slots=True)
class Chromium(Browser):
    """Chromium, each tab a session of one connection."""

    remote: Remote | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, executable: str, folder: Path, look: Look) -> AsyncIterator[Chromium]:
        """Run Chromium until the context ends."""
        camera = _CAMERA if look.camera else _NO_CAMERA
        command = (executable, *_FLAGS, *camera, f"--user-data-dir={folder / 'profile'}")
        async with BrowserProcess(command, r"DevTools listening on (ws://\S+)", folder) as process:
            browser = cls(look)
            async with Remote(await process.url(), browser.heard) as remote:
                browser.remote = remote
                yield browser
                with contextlib.suppress(RemoteError):
                    await remote.call("Browser.close")

    async def open(self, url: str) -> ChromiumPage:
        assert self.remote is not None
        target = (await self.remote.call("Target.createTarget", {"url": "about:blank"}))["targetId"]
        attached = await self.remote.call(
            "Target.attachToTarget", {"targetId": target, "flatten": True}
        )
        page = ChromiumPage(self.remote, target, attached["sessionId"])
        await page.prepare(self.look)
        await page.load(url)
        return page

    def heard(self, method: str, message: dict[str, Any]) -> None:
        params = message["params"]
        match method:
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                words = [str(a.get("value") or a.get("description")) for a in params["args"]]
                self.complaints.append(" ".join(words))
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                thrown = details.get("exception", {}).get("description")
                self.complaints.append(thrown or details["text"])
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                entry = params["entry"]
                self.complaints.append(f"{entry['text']} {entry.get('url', '')}".strip())


@dataclass(slots=True)
class ChromiumPage(Page):
    """One target of Chromium with its session."""

    remote: Remote
    target: str
    session: str

    async def prepare(self, look: Look) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self._call(f"{domain}.enable")
        size = {"width": look.width, "height": look.height}
        await self._call(
            "Emulation.setDeviceMetricsOverride",
            {**size, "deviceScaleFactor": 1, "mobile": look.width < 600},
        )
        scheme = "dark" if look.dark else "light"
        await self._call(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )

    async def load(self, url: str) -> None:
        result = await self._call("Page.navigate", {"url": url})
        if "errorText" in result:
            raise RemoteError(f"{url}: {result['errorText']}")
        await self.wait_for("location.href !== 'about:blank' && document.readyState === 'complete'")

    async def before_load(self, script: str) -> None:
        """Run a script in each page that is loaded from now on, before its own."""
        await self._call("Page.addScriptToEvaluateOnNewDocument", {"source": script})

    async def evaluate(self, script: str, *, timeout: float = DEADLINE) -> Any:
        answer = await self._call(
            "Runtime.evaluate",
            {"expression": as_json(script), "awaitPromise": True, "userGesture": True},
            timeout=timeout,
        )
        if (thrown := answer.get("exceptionDetails")) is not None:
            raise RemoteError(thrown.get("exception", {}).get("description") or thrown["text"])
        return value_of(answer["result"].get("value"))

    async def screenshot(self, path: Path, *, whole: bool = False) -> None:
        params: dict[str, object] = {"format": "png"}
        if whole:
            size = (await self._call("Page.getLayoutMetrics"))["cssContentSize"]
            params |= {"captureBeyondViewport": True, "clip": {**size, "scale": 1}}
        write_png(path, (await self._call("Page.captureScreenshot", params))["data"])

    async def close(self) -> None:
        await self.remote.call("Target.closeTarget", {"targetId": self.target})

    async def _call(
        self, method: str, params: dict[str, object] | None = None, *, timeout: float = DEADLINE
    ) -> Any:
        return await self.remote.call(method, params, timeout=timeout, sessionId=self.session)
