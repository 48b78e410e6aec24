"""Pytest parameters for tests with third-party peers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.browser.browsers import BrowserName
from tests.support.peers.third_party import ThirdParty

if TYPE_CHECKING:
    from collections.abc import Iterable


#: Whether all of the interop matrix runs, and not the part of it that every run has time for.
EVERYTHING = os.environ.get("INTEROP") == "all"


def peer_parameters(names: Iterable[ThirdParty] = ThirdParty) -> list[object]:
    """Return one parameter for each peer, which needs its tool and has a worker of its own."""
    return [_parameter(name) for name in names]


def _parameter(name: ThirdParty) -> object:
    if name.value in set(BrowserName):
        return pytest.param(name, marks=pytest.mark.browser(name.value), id=name.value)
    marks = (pytest.mark.needs(name.value), pytest.mark.xdist_group(f"peer-{name}"))
    return pytest.param(name, marks=marks, id=name.value)
