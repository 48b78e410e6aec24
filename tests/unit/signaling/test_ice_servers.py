from __future__ import annotations

import logging

import pytest

from peer.configuration import IceServer
from signaling.ice_servers import IceServerEntry, usable


@pytest.mark.parametrize(
    "server",
    [IceServer("stun:a"), IceServer(["turn:a", "turns:b"], username="u", credential="p")],
)
def test_an_ice_server_comes_back_from_the_wire_as_it_went(server: IceServer) -> None:
    assert usable([IceServerEntry.of(server)]) == (server,)


def test_ice_server_of_a_room_that_cannot_be_used_is_named_and_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    entries = [IceServerEntry(urls=("gopher:a",)), IceServerEntry(urls=("stun:a",))]
    with caplog.at_level(logging.WARNING):
        assert usable(entries) == (IceServer("stun:a"),)
    assert "gopher:a" in caplog.text


def test_the_repr_of_an_ice_server_of_a_room_shows_no_credential() -> None:
    assert "hush" not in repr(IceServerEntry(urls=("turn:a",), username="u", credential="hush"))
