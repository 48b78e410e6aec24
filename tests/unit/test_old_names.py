"""Names that moved keep working for one release, and say where they went."""

from __future__ import annotations

import importlib
import sys

import pytest


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("peer.trace", "peer.tracing.events", "TraceEvent"),
        ("peer.trace_file", "peer.tracing.file", "read_trace"),
        ("peer.capture", "peer.tracing.capture", "PcapngSink"),
    ],
)
def test_moved_module_is_an_alias_that_warns(old: str, new: str, name: str) -> None:
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=new):
        alias = importlib.import_module(old)
    assert getattr(alias, name) is getattr(importlib.import_module(new), name)
