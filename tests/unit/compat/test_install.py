"""`peer.compat.install` gives ours to whoever imports aiortc, and the real one to our modules.

Each test runs a program of its own, as what `install` changes cannot be taken back.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from pathlib import Path

INSTALL = "import peer.compat\npeer.compat.install()\n"
IMPORT_ALL_OF_OURS = """
import importlib, pkgutil
import media, peer, signaling

for package in (peer, media, signaling):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
"""
CHECK = """
import sys
import aiortc
import aiortc.contrib.media
from aiortc import RTCPeerConnection
from aiortc.contrib.media import MediaPlayer
from aiortc.contrib.signaling import BYE
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcrtpreceiver import RemoteStreamTrack
import peer.compat.contrib.media
import peer.rtp.tracks

assert aiortc is peer.compat
assert RTCPeerConnection is peer.compat.RTCPeerConnection
assert aiortc.contrib.media.MediaPlayer is MediaPlayer
assert MediaPlayer.__module__ == "peer.compat.contrib.player"
assert MediaStreamTrack is peer.rtp.tracks.MediaStreamTrack
assert isinstance(aiortc.__version__, str)

# What differs from the real aiortc.
shim = {
    id(value): name
    for module in (peer.compat, peer.compat.contrib.media, peer.compat.rtcpeerconnection)
    for name, value in vars(module).items()
    if str(getattr(value, "__module__", "")).startswith("peer.compat")
}
shim |= {id(sys.modules[name]): name for name in sys.modules if name.startswith("peer.compat")}
real = 0
for name, module in list(sys.modules.items()):
    if name.split(".")[0] not in ("peer", "media", "signaling") or name.startswith("peer.compat"):
        continue
    for key, value in list(vars(module).items()):
        if name == "peer" and key == "compat":
            continue
        assert id(value) not in shim, (name, key)
        real += str(getattr(value, "__module__", "")).startswith("aiortc")
assert real > 20
print("checked")
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def test_install_replaces_aiortc_for_others_and_a_second_time_nothing() -> None:
    program = INSTALL + IMPORT_ALL_OF_OURS + CHECK
    program += "before = dict(sys.modules)\naiortc.install()\nassert dict(sys.modules) == before\n"
    done = run(program)
    assert (done.stdout, done.returncode) == ("checked\n", 0), done.stderr


def test_install_after_all_of_ours_and_a_package_with_shared_classes(tmp_path: Path) -> None:
    (tmp_path / "tracks.py").write_text("from aiortc.mediastreams import MediaStreamTrack\n")
    program = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport tracks\n"
    program += IMPORT_ALL_OF_OURS + INSTALL + CHECK
    program += "assert tracks.MediaStreamTrack is aiortc.MediaStreamTrack\n"
    done = run(program)
    assert (done.stdout, done.returncode) == ("checked\n", 0), done.stderr


def test_install_after_another_package_imported_aiortc_is_refused_and_changes_nothing(
    tmp_path: Path,
) -> None:
    package = tmp_path / "robots"
    package.mkdir()
    (package / "__init__.py").write_text("from robots import arm\n")
    (package / "arm.py").write_text("from aiortc import RTCPeerConnection\n")
    program = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport robots\n" + (
        "import peer.compat\n"
        "from peer.compat import AiortcImportedError\n"
        "try:\n    peer.compat.install()\n"
        "except AiortcImportedError as error:\n    print(error.modules, error)\n"
        "import aiortc\nassert aiortc is not peer.compat\n"
    )
    done = run(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("('robots.arm',) aiortc was imported already by robots.arm: call")
