"""Packages whose names are imported when they are first asked for."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

_PACKAGES = ["peer", "peer.configuration", "peer.trust", "signaling"]
#: What a room server has no use for: media, cryptography and connections.
_HEAVY = ["OpenSSL", "aiortc", "av", "cryptography", "numpy", "peer.connection", "pylibsrtp"]


def _loaded_after(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize("package", _PACKAGES)
def test_lazy_package_gives_each_of_its_names_as_type_checkers_see_it(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text())
    typed = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(typed) == sorted(module.__all__)
    assert set(module.__all__) <= set(dir(module))
    for name, home in typed.items():
        assert home is not None
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("package", _PACKAGES)
def test_lazy_package_lacks_a_name_that_nobody_has_defined(package: str) -> None:
    module = importlib.import_module(package)
    assert not hasattr(module, "nothing_of_the_kind")
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'none'"):
        _ = module.none


def test_module_of_a_package_is_an_attribute_of_it_without_an_import_of_its_own() -> None:
    assert "peer.errors" in _loaded_after("import peer; peer.errors.PeerError")


def test_connection_is_loaded_without_numpy() -> None:
    loaded = _loaded_after("from peer import PeerConnection; PeerConnection()")
    assert "peer.connection" in loaded
    assert "numpy" not in loaded


def test_connection_for_data_alone_loads_no_rtp_engine_and_no_codecs() -> None:
    offer = (
        "import asyncio\n"
        "from peer import PeerConnection\n"
        "async def main():\n"
        "    async with PeerConnection() as pc:\n"
        "        pc.createDataChannel('chat')\n"
        "        await pc.setLocalDescription()\n"
        "        assert 'm=application' in pc.localDescription.sdp\n"
        "asyncio.run(main())"
    )
    loaded = {name for name in _loaded_after(f"exec({offer!r})") if name.startswith("peer.")}
    assert "peer.transport.sctp.transport" in loaded
    media = ("rtp.engine", "rtp.codecs", "rtp.inbound", "rtp.outbound", "rtp.encoding")
    assert [name for name in loaded if name.startswith(tuple(f"peer.{m}" for m in media))] == []


def test_room_server_loads_neither_media_nor_cryptography() -> None:
    loaded = _loaded_after("import signaling.server")
    assert "signaling.server.app" in loaded
    assert loaded.isdisjoint(_HEAVY)
