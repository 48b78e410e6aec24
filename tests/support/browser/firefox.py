"""Driver of Firefox by WebDriver BiDi, without a driver program in between."""

from __future__ import annotations

import contextlib
import json
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
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

#: In hertz, of the false microphone.
MICROPHONE_PITCH = 440

_PREFERENCES: Mapping[str, bool | int | str] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.navigator.audio.fake_frequency": MICROPHONE_PITCH,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.gmp-manager.updateEnabled": False,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    # Nothing that a test did not ask for leaves the machine.
    "app.update.disabledForTesting": True,
    "app.update.enabled": False,
    "app.normandy.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "browser.search.update": False,
    "browser.region.network.url": "",
    "browser.newtabpage.enabled": False,
    "browser.startup.page": 0,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.shell.checkDefaultBrowser": False,
    "browser.tabs.unloadOnLowMemory": False,
    "captivedetect.canonicalURL": "",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "network.proxy.type": 0,
    "network.trr.mode": 5,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.usage.uploadEnabled": False,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "security.OCSP.enabled": 0,
}
_REFUSE_CAMERA: Mapping[str, bool | int | str] = {
    "media.navigator.permission.disabled": False,
    "permissions.default.camera": 2,
    "permissions.default.microphone": 2,
}


@dataclass(slots=True)
class Firefox(Browser):
    """Firefox, each tab a browsing context of one session."""

    remote: Remote | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, executable: str, folder: Path, look: Look) -> AsyncIterator[Firefox]:
        """Run Firefox until the context ends."""
        profile = folder / "profile"
        profile.mkdir()
        preferences = {
            **_PREFERENCES,
            **({} if look.camera else _REFUSE_CAMERA),
            "layout.css.prefers-color-scheme.content-override": 0 if look.dark else 1,
        }
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in preferences.items()]
        (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
        command = (
            *(executable, "--headless", "--no-remote", "--profile", str(profile)),
            *("--remote-debugging-port", "0", "about:blank"),
        )
        announced = r"WebDriver BiDi listening on (ws://\S+)"
        async with BrowserProcess(command, announced, folder) as process:
            browser = cls(look)
            async with Remote(f"{await process.url()}/session", browser.heard) as remote:
                browser.remote = remote
                await remote.call("session.new", {"capabilities": {}})
                await remote.call("session.subscribe", {"events": ["log.entryAdded"]})
                yield browser
                with contextlib.suppress(RemoteError):
                    await remote.call("browser.close")

    async def open(self, url: str) -> FirefoxPage:
        assert self.remote is not None
        context = (await self.remote.call("browsingContext.create", {"type": "tab"}))["context"]
        page = FirefoxPage(self.remote, context)
        await self.remote.call(
            "browsingContext.setViewport",
            {
                "context": context,
                "viewport": {"width": self.look.width, "height": self.look.height},
            },
        )
        await self.remote.call(
            "browsingContext.navigate", {"context": context, "url": url, "wait": "complete"}
        )
        return page

    def heard(self, method: str, message: dict[str, Any]) -> None:
        entry = message["params"]
        if method == "log.entryAdded" and entry["level"] == "error":
            self.complaints.append(entry["text"])


@dataclass(slots=True)
class FirefoxPage(Page):
    """One browsing context of Firefox."""

    remote: Remote
    context: str

    async def evaluate(self, script: str, *, timeout: float = DEADLINE) -> Any:
        answer = await self.remote.call(
            "script.evaluate",
            {
                "expression": as_json(script),
                "target": {"context": self.context},
                "awaitPromise": True,
                "userActivation": True,
            },
            timeout=timeout,
        )
        if answer["type"] == "exception":
            raise RemoteError(answer["exceptionDetails"]["text"])
        return value_of(answer["result"].get("value"))

    async def screenshot(self, path: Path, *, whole: bool = False) -> None:
        origin = "document" if whole else "viewport"
        shot = await self.remote.call(
            "browsingContext.captureScreenshot", {"context": self.context, "origin": origin}
        )
        write_png(path, shot["data"])

    async def close(self) -> None:
        await self.remote.call("browsingContext.close", {"context": self.context})
