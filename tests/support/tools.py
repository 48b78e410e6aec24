"""Owns which programs of the system the tests and benchmarks drive, and where each comes from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[2]
# capabilities(7).
_CAP_SYS_ADMIN = 21


@dataclass(frozen=True)
class Tool:
    """A program of the system.

    Args:
        name: What a test calls it: `@pytest.mark.needs(name)`.
        commands: Names it may have on the PATH, the preferred one first.
        packages: What provides it on Debian.
        service: The unit that its Debian package would start, which nobody here wants running.
        privileged: Whether tests do with it what a container's root may be forbidden.
    """

    name: str
    commands: tuple[str, ...]
    packages: tuple[str, ...]
    service: str | None = None
    privileged: bool = False

    @cached_property
    def installed(self) -> str | None:
        """Where it is, or None where it is missing."""
        return next(filter(None, map(shutil.which, self.commands)), None)

    @property
    def path(self) -> str | None:
        """The same, or None where the privilege is missing."""
        return None if self.privileged and not _may_administer() else self.installed

    @property
    def how_to_get(self) -> str:
        """A sentence for whoever lacks it."""
        way = f"{self.name}: apt-get install {' '.join(self.packages)}"
        return f"{way}; and to be root with CAP_SYS_ADMIN" if self.privileged else way


TOOLS = MappingProxyType(
    {
        tool.name: tool
        for tool in (
            Tool(
                "chromium",
                ("chromium", "chromium-browser", "google-chrome"),
                # Without one font a page is drawn with no text at all.
                ("chromium", "fonts-dejavu-core"),
            ),
            Tool("firefox", ("firefox-esr", "firefox"), ("firefox-esr", "fonts-dejavu-core")),
            Tool("turnserver", ("turnserver",), ("coturn",), service="coturn.service"),
            Tool("ip", ("ip",), ("iproute2",), privileged=True),
            Tool("nft", ("nft",), ("nftables",), privileged=True),
            Tool("node", ("node", "nodejs"), ("nodejs",)),
            Tool("npm", ("npm",), ("npm",)),
        )
    }
)


def tool_path(name: str) -> str:
    """Where the tool is; for tests that are marked as needing it.

    Raises:
        FileNotFoundError: It is missing.
    """
    path = TOOLS[name].path
    if path is None:
        raise FileNotFoundError(TOOLS[name].how_to_get)
    return path


def missing(names: Iterable[str]) -> tuple[Tool, ...]:
    """Those of the named tools that this machine lacks."""
    return tuple(TOOLS[name] for name in names if TOOLS[name].installed is None)


def may_install() -> bool:
    """Whether this process may install Debian packages without asking anybody."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _may_administer() -> bool:
    """Whether this process may make network namespaces, and read what passes in them."""
    status = Path("/proc/self/status")
    if not status.exists():
        return False
    effective = next(line for line in status.read_text().splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> _CAP_SYS_ADMIN & 1)
