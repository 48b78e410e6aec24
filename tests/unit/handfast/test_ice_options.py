from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handfast.ice_options import IceOptionsError, ice_servers, servers_of
from peer import IceServer
from signaling.server import TurnSecret

if TYPE_CHECKING:
    from pathlib import Path

_USER = {"HANDFAST_ICE_USERNAME": "u", "HANDFAST_ICE_CREDENTIAL": "p"}


def _secret_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "turn.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_stun_server_needs_no_secret() -> None:
    assert ice_servers(["stun:a"], None, {}) == (IceServer("stun:a"),)


def test_user_and_credential_of_a_turn_server_come_from_the_environment() -> None:
    servers = ice_servers(["stun:a", "turn:a"], None, _USER)
    assert servers == (IceServer("stun:a"), IceServer("turn:a", username="u", credential="p"))


def test_user_and_credential_of_a_turn_server_come_from_a_file(tmp_path: Path) -> None:
    file = _secret_file(tmp_path, 'username = "file"\ncredential = "c"\n')
    assert ice_servers(["turns:a"], file, _USER) == (
        IceServer("turns:a", username="file", credential="c"),
    )


def test_with_the_secret_of_coturn_each_connection_makes_a_credential(tmp_path: Path) -> None:
    servers = ice_servers(["turn:a"], _secret_file(tmp_path, 'secret = "s"\n'), {})
    assert servers == (TurnSecret(urls="turn:a", secret="s"),)
    assert ice_servers(["turn:a"], None, {"HANDFAST_TURN_SECRET": "s"}) == servers
    (made,) = servers_of(servers, "player")
    assert str(made.username).endswith(":player")


@pytest.mark.parametrize(
    ("urls", "words"),
    [
        (["turn:a"], "turn:a needs a user and a secret"),
        (["a.example"], "starts with stun:"),
        (["stun:"], "stun:"),
    ],
)
def test_an_ice_server_that_cannot_be_used_is_named(urls: list[str], words: str) -> None:
    with pytest.raises(IceOptionsError, match=words):
        ice_servers(urls, None, {})


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ('username = "u"\ncredential = "hush"\n', 0o644, "Others may read .*chmod 600"),
        ("hush\n", 0o600, "it is no TOML"),
        ('pasword = "hush"\n', 0o600, "unknown field `pasword`"),
        ('username = "hush"\n', 0o600, "needs a user and a secret"),
        ("#" * 5000, 0o600, "more than 4096 bytes"),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_named_without_what_it_holds(
    tmp_path: Path, text: str, mode: int, words: str
) -> None:
    with pytest.raises(IceOptionsError, match=words) as refusal:
        ice_servers(["turn:a"], _secret_file(tmp_path, text, mode), {})
    assert "hush" not in str(refusal.value)


def test_a_secret_file_without_a_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IceOptionsError, match="needs an --ice-server"):
        ice_servers([], _secret_file(tmp_path, ""), {})


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(IceOptionsError, match="cannot be read: No such file"):
        ice_servers(["turn:a"], tmp_path / "none", {})
