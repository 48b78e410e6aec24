"""Leaves the dependants out of a run that did not ask for them: their environments are large."""

from __future__ import annotations

import pytest

from tests.support.peers.marks import EVERYTHING


# After what reads the markers of all tests, as docs/CONFORMANCE.md is made.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what is marked as long with INTEROP=all only, as `make dependants` does."""
    if EVERYTHING:
        return
    long = [item for item in items if item.get_closest_marker("long") is not None]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item.get_closest_marker("long") is None]
