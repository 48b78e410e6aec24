"""Finds modules of others in the way of ours: `media.py` beside a program hides our `media`.

It needs the standard library only, as nothing else of ours can be imported then.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

from handfast.doctor.findings import Finding, Subject

#: Our top-level packages besides `handfast`.
_OURS: Final = ("media", "peer", "signaling")
_AGAIN: Final = "Install handfast again: pip install --force-reinstall handfast."
_HERE: Final = Path(__file__).resolve().parents[2]


def hidden_packages(home: Path = _HERE) -> list[Finding]:
    """List our top-level packages that Python does not find beside `handfast`, or not first.

    Args:
        home: The folder that `handfast` is in.
    """
    findings: list[Finding] = []
    for name in _OURS:
        where = _place_of(name)
        if where == home / name:
            continue
        if where is None:
            sentence = f"Python finds no package {name!r}, which is a part of handfast."
            remedy = _AGAIN
        else:
            sentence = f"{where} hides the package {name!r} of handfast."
            remedy = (
                "Rename it, or run from a folder without it (PYTHONPATH and the folder of "
                f"the program come first); pip uninstall {name} where it is a package."
            )
        findings.append(Finding.failure(Subject.NAMES, sentence, remedy=remedy))
    return findings


def mixed_packages(providers: Mapping[str, Sequence[str]] | None = None) -> list[Finding]:
    """List our top-level packages into which another distribution has installed files too.

    Args:
        providers: Names of distributions by the top-level packages that they have installed; None
            asks this Python.
    """
    if providers is None:
        providers = packages_distributions()
    return [
        Finding.failure(
            Subject.NAMES,
            f"The distribution {other!r} has a package {name!r} too, mixed with that of handfast.",
            remedy=f"pip uninstall {other}, then pip install --force-reinstall handfast; or give "
            "each an environment of its own.",
        )
        for name in _OURS
        for other in sorted({*providers.get(name, ())} - {"handfast"})
    ]


def check_names() -> list[Finding]:
    """Check that our top-level packages are ours alone."""
    found = [*hidden_packages(), *mixed_packages()]
    sentence = f"The packages {', '.join(_OURS)} are those of handfast."
    return found or [Finding.ok(Subject.NAMES, sentence)]


def _place_of(name: str) -> Path | None:
    """The folder of a package, or the file of a module; None where there is none."""
    loaded = sys.modules.get(name)
    spec = importlib.util.find_spec(name) if loaded is None else loaded.__spec__
    if spec is None or spec.origin is None:
        # A folder without `__init__.py`.
        folders = [] if spec is None else [*(spec.submodule_search_locations or ())]
        return Path(folders[0]).resolve() if folders else None
    origin = Path(spec.origin).resolve()
    return origin.parent if origin.name == "__init__.py" else origin
