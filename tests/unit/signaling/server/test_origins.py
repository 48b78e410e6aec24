from __future__ import annotations

import pytest

from signaling.server.origins import OriginPolicy, host_name

_NAMED = OriginPolicy(origins=frozenset({"https://a.example"}), hosts=frozenset({"b.example"}))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "anything.example"),
        ("https://a.example", "anything.example"),
        ("https://b.example", "b.example"),
        ("https://B.example:8443", "B.example:8443"),
        ("http://localhost:8080", "localhost:8080"),
        ("http://room.localhost:8080", "room.localhost:8080"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://192.0.2.7:8080", "192.0.2.7:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_a_page_of_this_server_or_of_a_named_one_may_connect(origin: str | None, host: str) -> None:
    assert _NAMED.refusal(origin=origin, host=host) is None


@pytest.mark.parametrize(
    ("origin", "host", "words"),
    [
        # DNS rebinding: to its browser, the page and this server have one name.
        ("http://evil.example:8080", "evil.example:8080", "not among `hosts`"),
        ("http://localhost.evil.example", "localhost.evil.example", "not among `hosts`"),
        ("https://c.example", "b.example", "not among `origins`"),
        ("http://b.example:1", "b.example:2", "not among `origins`"),
        ("null", "b.example", "not among `origins`"),
        ("http://[::1", "[::1", "malformed"),
        ("http://", "", "not among `hosts`"),
    ],
)
def test_a_page_of_elsewhere_is_refused_in_a_sentence(origin: str, host: str, words: str) -> None:
    assert words in str(_NAMED.refusal(origin=origin, host=host))


def test_with_a_star_every_page_may_connect() -> None:
    policy = OriginPolicy(origins=frozenset({"*"}))
    assert policy.refusal(origin="http://evil.example", host="evil.example") is None


def test_a_malformed_host_has_no_name() -> None:
    assert host_name("[::1") is None
    assert not OriginPolicy().knows_host("[::1")
