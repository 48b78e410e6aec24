"""Python files of the project, parsed, for tests about them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("peer", "signaling", "media", "handfast")
EVERYTHING = (*PACKAGES, "tests", "benchmarks", "examples", "scripts")


@dataclass(frozen=True)
class SourceFile:
    """A Python file of the project; `name` is its path from the root, with slashes."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Syntax tree of the file."""
        return ast.parse(self.text, self.name)

    def imports(self) -> Iterator[tuple[int, str, str | None]]:
        """Yield each import on any level: line number, module, and the imported name."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names, lineno=line):
                    for alias in names:
                        yield line, alias.name, None
                case ast.ImportFrom(module=str(module), names=names, lineno=line, level=0):
                    for alias in names:
                        yield line, module, alias.name


def python_files(*folders: str) -> list[SourceFile]:
    """Return every Python file below the folders, in order."""
    return [
        SourceFile(path.relative_to(ROOT).as_posix(), path.read_text())
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "node_modules" not in path.parts
    ]
