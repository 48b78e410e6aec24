"""Names of a package that are imported when a program first asks for them (PEP 562).

Whoever needs one value of a package, as a room server needs `SessionDescription`, does not load its
media and cryptography.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Make the `__getattr__` and the `__dir__` of a package.

    Args:
        package: Its name.
        homes: The names that each module gives to it, with blanks between them. Under
            `if TYPE_CHECKING:` the package imports the same ones, for type checkers and for tools
            that pack programs.
    """
    home = {name: module for module, names in homes.items() for name in names.split()}

    def getattr_(name: str) -> object:
        module = home.get(name)
        value = (
            _submodule(f"{package}.{name}")
            if module is None
            else getattr(importlib.import_module(module), name)
        )
        setattr(sys.modules[package], name, value)
        return value

    def dir_() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return getattr_, dir_


def _submodule(module: str) -> object:
    # Programs write `import peer` and then `peer.errors`.
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        package, _, name = module.rpartition(".")
        raise AttributeError(f"module {package!r} has no attribute {name!r}") from None
