"""Error of a detector whose optional package is missing."""

from __future__ import annotations


class ExtraMissingError(ImportError):
    """An optional package is not installed; the message names it and the extra that has it.

    Args:
        package: Name of the package on PyPI.
        extra: Name of handfast's extra that installs it.
    """

    def __init__(self, package: str, *, extra: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'handfast[{extra}]'")
        self.package = package
        self.extra = extra
