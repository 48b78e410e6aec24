"""Replacement of aiortc by `peer.compat` for programs and packages that import it by its name."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import aiortc
import aiortc.contrib.media
import aiortc.rtcpeerconnection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

#: Modules of aiortc that `peer.compat` has in a form of its own, by their names below the package.
REPLACED = ("", ".contrib", ".contrib.media", ".contrib.signaling", ".rtcpeerconnection")
#: Packages that stand on the real aiortc.
_OURS = frozenset({"aiortc", "peer", "media", "signaling", "handfast"})
#: Kept by their own names, as `sys.modules` has others under these after `install`.
_REAL_MODULES = (aiortc, aiortc.contrib, aiortc.contrib.media, aiortc.rtcpeerconnection)
_REAL_CLASSES = (
    aiortc.rtcpeerconnection.RTCPeerConnection,
    aiortc.contrib.media.MediaBlackhole,
    aiortc.contrib.media.MediaPlayer,
    aiortc.contrib.media.MediaRecorder,
    aiortc.contrib.media.MediaRelay,
)


class AiortcImportedError(RuntimeError):
    """`install` came too late: modules hold classes of aiortc that it would have replaced.

    Attributes:
        modules: The names of these modules.
    """

    def __init__(self, modules: tuple[str, ...]) -> None:
        super().__init__(
            f"aiortc was imported already by {', '.join(modules)}: call"
            " peer.compat.install() before anything imports aiortc"
        )
        self.modules = modules


def install() -> None:
    """Give `peer.compat` to modules that import aiortc from now on; a second call does nothing.

    Call it first in a program, before packages that say `import aiortc` are imported. The modules
    of this project keep the real aiortc, whichever are imported first.

    Raises:
        AiortcImportedError: A module that is neither aiortc's nor ours holds classes of aiortc
            that would be replaced. Nothing has changed.
    """
    replacements = {f"aiortc{name}": import_module(f"peer.compat{name}") for name in REPLACED}
    if sys.modules["aiortc"] is replacements["aiortc"]:
        return
    holders = tuple(sorted(_holders()))
    if holders:
        raise AiortcImportedError(holders)
    sys.modules.update(replacements)


def _holders() -> Iterator[str]:
    real = {id(each) for each in (*_REAL_MODULES, *_REAL_CLASSES)}
    modules: list[tuple[str, ModuleType | None]] = list(sys.modules.items())
    for name, module in modules:
        if module is None or name.partition(".")[0] in _OURS:
            continue
        # Not `vars(module).values()` of a lazy one, which may load what nobody asked for.
        held = getattr(module, "__dict__", {})
        if any(id(value) in real for value in list(held.values())):
            yield name
