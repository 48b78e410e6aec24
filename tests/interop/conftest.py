"""Leaves the long tests of the matrix out where nobody asks for them, and notes how all end."""

from __future__ import annotations

import pytest

from tests.support.peers.marks import EVERYTHING
from tests.support.peers.matrix import OutcomesPlugin


def pytest_sessionstart(session: pytest.Session) -> None:
    """Note how the tests end, for docs/INTEROP.md."""
    if EVERYTHING:
        session.config.pluginmanager.register(OutcomesPlugin())


# After what reads the markers of all tests, as docs/CONFORMANCE.md is made.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what is marked as long with INTEROP=all only."""
    if EVERYTHING:
        return
    long = [item for item in items if item.get_closest_marker("long") is not None]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item.get_closest_marker("long") is None]
