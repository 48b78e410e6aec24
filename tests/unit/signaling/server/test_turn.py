from __future__ import annotations

import pytest

from peer.errors import ConfigurationError
from signaling.server.turn import TurnSecret


def test_a_turn_credential_is_the_hmac_of_a_user_name_that_runs_out() -> None:
    # By `printf 1700043200:m1 | openssl dgst -sha1 -hmac north -binary | base64`.
    server = TurnSecret(urls="turn:a", secret="north").server_for("m1", now=1_700_000_000.9)
    assert server.urls == ("turn:a",)
    assert server.username == "1700043200:m1"
    assert server.credential == "gvvGDvGyTkRvcF6f5Udn5pRh3iM="


def test_no_repr_shows_the_secret_of_a_turn_server() -> None:
    turn = TurnSecret(urls="turn:a", secret="north")
    assert "north" not in repr(turn)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"urls": "turn:a", "secret": ""}, "not empty"),
        ({"urls": "turn:a", "secret": "s", "lifetime": 0.0}, "more than 0"),
        ({"urls": "https://a", "secret": "s"}, "starts with stun:"),
    ],
)
def test_what_is_no_turn_server_is_refused_at_once(given: dict[str, object], words: str) -> None:
    with pytest.raises((ValueError, ConfigurationError), match=words):
        TurnSecret(**given)  # type: ignore[arg-type] # what is given is wrong on purpose
