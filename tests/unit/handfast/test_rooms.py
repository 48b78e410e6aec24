from __future__ import annotations

import pytest

from handfast.rooms import AddressError, RoomAddress


@pytest.mark.parametrize(
    ("text", "url", "room"),
    [
        ("wss://example.org/ws#lobby", "wss://example.org/ws", "lobby"),
        (
            "ws://127.0.0.1:8080/a/ws?key=1#two%20words",
            "ws://127.0.0.1:8080/a/ws?key=1",
            "two words",
        ),
        ("http://127.0.0.1:8080/", "ws://127.0.0.1:8080/ws", "demo"),
        ("https://example.org", "wss://example.org/ws", "demo"),
        ("https://[::1]:8443/sub/#lobby", "wss://[::1]:8443/sub/ws", "lobby"),
        ("http://127.0.0.1:8080/room/lobby", "ws://127.0.0.1:8080/ws", "lobby"),
        ("https://example.org/calls/room/two%20words/", "wss://example.org/calls/ws", "two words"),
        ("https://example.org/room/a%2Fb%23c", "wss://example.org/ws", "a/b#c"),
        ("https://example.org/room#lobby", "wss://example.org/room/ws", "lobby"),
    ],
)
def test_an_address_names_a_server_and_a_room(text: str, url: str, room: str) -> None:
    assert RoomAddress.parse(text) == RoomAddress(url, room)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lobby",
        "ftp://example.org/ws#a",
        "wss:///ws#a",
        "wss://[::1/ws#a",
        "wss://h/ws",
        "wss://h/ws#",
    ],
)
def test_text_that_is_no_room_address_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(AddressError, match=r"^[^\n]+\.$"):
        RoomAddress.parse(text)


@pytest.mark.parametrize("text", ["https://h/room/lobby#token=abc", "wss://h/ws#token=abc"])
def test_a_token_in_the_address_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(AddressError, match="HANDFAST_TOKEN") as refused:
        RoomAddress.parse(text)
    assert "abc" not in str(refused.value)


def test_a_name_is_as_long_as_the_protocol_allows() -> None:
    assert RoomAddress.parse(f"wss://h/ws#{'a' * 128}").room == "a" * 128
    with pytest.raises(AddressError, match="128"):
        RoomAddress.parse(f"wss://h/ws#{'a' * 129}")
