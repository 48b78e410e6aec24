"""Programs of the system that tests and benchmarks drive, and their sources."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[3]
#: Where modules of npm are put: nothing of them is committed, and nothing is installed globally.
NODE_MODULES = ROOT / ".cache" / "node" / "node_modules"
#: Where PyPI's packages of other stacks are put, apart from what the tests themselves import.
PYTHON_MODULES = ROOT / ".cache" / f"python{sys.version_info.major}.{sys.version_info.minor}"
#: Likewise for a stack that wants a later Python.
PYTHON_3_12_MODULES = ROOT / ".cache" / "python3.12"
#: That Python of pyenv, whose name on the PATH starts the version that pyenv is set to.
_PYTHON_3_12 = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.12*/bin/python3.12")))
#: It, or else one of the PATH; None where there is neither.
PYTHON_3_12 = next(iter([*_PYTHON_3_12, *filter(None, [shutil.which("python3.12")])]), None)
#: Debian's packages for Go are one GOPATH.
GOPATH = Path("/usr/share/gocode")
#: The Python that Debian's bindings of GStreamer are for.
SYSTEM_PYTHON = "/usr/bin/python3"
# capabilities(7).
_CAP_SYS_ADMIN = 21


@dataclass(frozen=True)
class Tool:
    """A program of the system that tests or benchmarks drive.

    Args:
        name: What a test calls it: `@pytest.mark.needs(name)`.
        commands: Names it may have on the PATH, the preferred one first.
        packages: What provides it on Debian.
        service: The unit that its Debian package would start, which nobody here wants running.
        files: Patterns of paths, each of which must fit something: what the command needs besides.
        modules: What provides it in npm.
        distributions: What provides it on PyPI.
        target: Where these are put; the folder is named after their Python.
        privileged: Whether tests do with it what a container's root may be forbidden.
    """

    name: str
    commands: tuple[str, ...]
    packages: tuple[str, ...] = ()
    service: str | None = None
    files: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    target: Path = PYTHON_MODULES
    privileged: bool = False

    @cached_property
    def installed(self) -> str | None:
        """Path of the command; None where it or a file is missing."""
        if not all(map(glob.glob, self.files)):
            return None
        return next(filter(None, map(shutil.which, self.commands)), None)

    @property
    def path(self) -> str | None:
        """Path of the command; None where it, a file or the privilege is missing."""
        return None if self.privileged and not _may_administer() else self.installed

    @property
    def how_to_get(self) -> str:
        """Sentence that says how to get the tool."""
        ways = []
        if self.packages:
            ways.append(f"apt-get install {' '.join(self.packages)}")
        if self.modules:
            ways.append(f"npm install --prefix .cache/node {' '.join(self.modules)}")
        if self.distributions:
            names = " ".join(self.distributions)
            ways.append(f"pip install --target {self.target.relative_to(ROOT)} {names}")
        if self.privileged:
            ways.append("and to be root with CAP_SYS_ADMIN")
        return f"{self.name}: {'; '.join(ways)}"


_GSTREAMER_PLUGINS = ("webrtc", "nice", "dtls", "srtp", "sctp", "rtpmanager")

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
            Tool("redis-server", ("redis-server",), ("redis-server",), "redis-server.service"),
            Tool("nginx", ("nginx",), ("nginx",), service="nginx.service"),
            Tool("systemd-analyze", ("systemd-analyze",), ("systemd",)),
            Tool("janus", ("janus",), ("janus",), service="janus.service"),
            Tool("rtpengine", ("rtpengine",), ("rtpengine-daemon",), "rtpengine-daemon.service"),
            Tool(
                "kamailio",
                ("kamailio",),
                ("kamailio", "kamailio-websocket-modules", "kamailio-tls-modules"),
                service="kamailio.service",
                files=tuple(f"/usr/lib/*/kamailio/modules/{n}.so" for n in ("websocket", "tls")),
            ),
            Tool("sipp", ("sipp",), ("sip-tester",)),
            Tool("baresip", ("baresip",), ("baresip-core",)),
            Tool("linphone", ("linphone-daemon",), ("linphone-cli",)),
            Tool("ip", ("ip",), ("iproute2",), privileged=True),
            Tool("nft", ("nft",), ("nftables",), privileged=True),
            Tool("ffmpeg", ("ffmpeg",), ("ffmpeg",)),
            Tool("espeak-ng", ("espeak-ng",), ("espeak-ng",)),
            Tool(
                "fonts",
                (sys.executable,),
                # The last is what Pillow orders and joins the letters of Arabic with.
                ("fonts-dejavu-core", "fonts-wqy-microhei", "fonts-lohit-deva", "libfribidi0"),
                files=(
                    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
                    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
                    "/usr/share/fonts/truetype/lohit-devanagari/Lohit-Devanagari.ttf",
                    "/usr/lib/*/libfribidi.so.0",
                ),
            ),
            Tool("node", ("node", "nodejs"), ("nodejs",)),
            Tool("npm", ("npm",), ("npm",)),
            Tool(
                "wrtc",
                ("node", "nodejs"),
                files=(f"{NODE_MODULES}/@roamhq/wrtc-*",),
                modules=("@roamhq/wrtc@0.10",),
            ),
            Tool(
                "libdatachannel",
                ("node", "nodejs"),
                files=(f"{NODE_MODULES}/@node-datachannel",),
                # Older ones fetch their binary from elsewhere.
                modules=("node-datachannel@0.33",),
            ),
            Tool(
                "peerjs",
                ("node", "nodejs"),
                files=(f"{NODE_MODULES}/peer/dist/bin/peerjs.js",),
                modules=("peer@1.0",),
            ),
            Tool(
                "werift",
                ("node", "nodejs"),
                files=(f"{NODE_MODULES}/werift",),
                # Later ones need a newer Node.js than Debian's.
                modules=("werift@0.24",),
            ),
            Tool(
                "hls.js",
                ("node", "nodejs"),
                files=(f"{NODE_MODULES}/hls.js/dist/hls.min.js",),
                modules=("hls.js@1.6",),
            ),
            Tool(
                "jssip",
                ("node", "nodejs"),
                files=(f"{NODE_MODULES}/jssip", f"{NODE_MODULES}/.bin/esbuild"),
                # Of later versions browsers take no file as it is: esbuild joins them into one.
                modules=("jssip@3.13", "esbuild@0.25"),
            ),
            Tool(
                "sip.js",
                ("node", "nodejs"),
                files=(f"{NODE_MODULES}/sip.js", f"{NODE_MODULES}/.bin/esbuild"),
                modules=("sip.js@0.21", "esbuild@0.25"),
            ),
            Tool(
                "typescript",
                ("node", "nodejs"),
                files=(f"{NODE_MODULES}/typescript/bin/tsc",),
                modules=("typescript@5",),
            ),
            Tool(
                "axe",
                ("node", "nodejs"),
                files=(f"{NODE_MODULES}/axe-core/axe.min.js",),
                modules=("axe-core@4",),
            ),
            Tool(
                "python_webrtc",
                (sys.executable,),
                files=(f"{PYTHON_MODULES}/wrtc-0.1.0.dist-info",),
                distributions=("wrtc==0.1.0",),
            ),
            Tool(
                "sippy",
                (sys.executable,),
                files=(f"{PYTHON_MODULES}/sippy-2.5.0.dist-info",),
                distributions=("sippy==2.5.0",),
            ),
            Tool(
                "aiolibdatachannel",
                (*_PYTHON_3_12, "python3.12"),
                files=(f"{PYTHON_3_12_MODULES}/aiolibdatachannel-2026.10*.dist-info",),
                distributions=("aiolibdatachannel==2026.10.*",),
                target=PYTHON_3_12_MODULES,
            ),
            Tool(
                "pion",
                ("go",),
                ("golang-go", "golang-github-pion-webrtc.v3-dev"),
                files=(f"{GOPATH}/src/github.com/pion/webrtc",),
            ),
            Tool(
                "webrtcbin",
                (SYSTEM_PYTHON,),
                (
                    *("gstreamer1.0-plugins-bad", "gstreamer1.0-plugins-good", "gstreamer1.0-nice"),
                    *("gir1.2-gst-plugins-bad-1.0", "gir1.2-gst-plugins-base-1.0"),
                    "python3-gst-1.0",
                ),
                files=(
                    *(f"/usr/lib/*/gstreamer-1.0/libgst{n}.so" for n in _GSTREAMER_PLUGINS),
                    *(f"/usr/lib/*/girepository-1.0/Gst{n}-1.0.typelib" for n in ("Sdp", "WebRTC")),
                    "/usr/lib/python3/dist-packages/gi/overrides/Gst.py",
                ),
            ),
        )
    }
)


def tool_path(name: str) -> str:
    """Return the path of a tool, for tests that are marked as needing it.

    Raises:
        FileNotFoundError: It is missing.
    """
    path = TOOLS[name].path
    if path is None:
        raise FileNotFoundError(TOOLS[name].how_to_get)
    return path


def missing(names: Iterable[str]) -> tuple[Tool, ...]:
    """Return those of the named tools that this machine lacks."""
    return tuple(TOOLS[name] for name in names if TOOLS[name].installed is None)


def may_install() -> bool:
    """Return True if this process may install Debian packages without asking."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _may_administer() -> bool:
    """Return True if this process may create network namespaces and capture their packets."""
    status = Path("/proc/self/status")
    if not status.exists():
        return False
    effective = next(line for line in status.read_text().splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> _CAP_SYS_ADMIN & 1)
