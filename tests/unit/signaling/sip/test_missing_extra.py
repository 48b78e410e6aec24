"""What SIP needs and is not installed is named."""

from __future__ import annotations

import importlib
import sys

import pytest


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("signaling.sip")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sipmessage", None)
    with pytest.raises(ImportError, match=r"pip install 'handfast\[sip\]'"):
        importlib.import_module("signaling.sip")
