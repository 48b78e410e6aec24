"""The modules of aiortc that `peer.compat` has as they are, under names of its own.

They are the same module objects, so that a value that a program changes in one of them counts.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import aiortc

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Modules that are ours: those with a connection in them, and those that make and take media.
OUR_MODULES = ("contrib", "rtcpeerconnection")


def share_modules(package: str, names: dict[str, object]) -> None:
    """Make aiortc's modules importable below a package, and attributes of it.

    Args:
        package: Name of the package.
        names: The globals of the package.
    """
    for name in same_modules():
        module = import_module(f"aiortc.{name}")
        sys.modules[f"{package}.{name}"] = module
        if "." not in name:
            names[name] = module


def same_modules() -> Iterator[str]:
    """List the modules of aiortc that are shared, by their names below `aiortc`."""
    for found in pkgutil.walk_packages(aiortc.__path__, "aiortc."):
        name = found.name.removeprefix("aiortc.")
        if name.partition(".")[0] not in OUR_MODULES:
            yield name
