"""Modules of plain data are aiortc's own, so that a value changed in them counts."""

from __future__ import annotations

from importlib import import_module

import aiortc
import pytest

import peer.compat
from peer.compat.same_modules import same_modules


def test_compat_has_every_public_name_of_aiortc() -> None:
    assert set(aiortc.__all__) <= set(peer.compat.__all__)
    assert all(hasattr(peer.compat, name) for name in aiortc.__all__)


@pytest.mark.parametrize("name", ["sdp", "codecs.vpx", "mediastreams", "rtcsctptransport", "stats"])
def test_compat_module_is_the_module_of_aiortc(name: str) -> None:
    assert name in set(same_modules())
    assert import_module(f"peer.compat.{name}") is import_module(f"aiortc.{name}")


def test_compat_connection_is_not_that_of_aiortc() -> None:
    ours, theirs = (
        import_module(f"{name}.rtcpeerconnection") for name in ("peer.compat", "aiortc")
    )

    assert ours.RTCPeerConnection is peer.compat.RTCPeerConnection
    assert ours.RTCPeerConnection is not theirs.RTCPeerConnection
