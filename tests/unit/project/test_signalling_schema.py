"""The published JSON Schema of the signalling protocol says what the decoder takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from signaling import messages
from signaling.errors import ErrorCode, MessageError
from signaling.messages import decode
from tests.support.project.signalling_schema import DOCUMENT, ROOT, render

SCHEMA = json.loads(DOCUMENT.read_text("utf-8"))


@pytest.fixture(scope="module")
def validator() -> Any:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMA)
    return Draft202012Validator(SCHEMA)


def examples() -> Iterator[tuple[str, Any]]:
    """Each message that a guide shows, and where."""
    for guide in sorted((ROOT / "docs").glob("*.md")):
        text = guide.read_text("utf-8")
        for found in re.finditer(r'\{"type": "', text):
            line = text.count("\n", 0, found.start()) + 1
            try:
                message, _ = json.JSONDecoder().raw_decode(text, found.start())
            except ValueError as error:
                pytest.fail(f"{guide.name}:{line} shows what is no JSON: {error}")
            yield f"{guide.name}:{line}", message


def test_the_published_schema_is_that_of_the_messages() -> None:
    assert DOCUMENT.read_text("utf-8") == render()


def test_the_schema_has_every_message_and_every_error_code() -> None:
    kinds = {kind.__struct_config__.tag for kind in get_args(messages.Message)}
    assert set(SCHEMA["discriminator"]["mapping"]) == kinds
    assert set(SCHEMA["$defs"]["ErrorCode"]["enum"]) == {code.value for code in ErrorCode}


def test_each_message_that_a_guide_shows_is_valid(validator: Any) -> None:
    shown = list(examples())
    assert len(shown) > 12
    invalid = {
        place: [error.message for error in validator.iter_errors(message)]
        for place, message in shown
        if not validator.is_valid(message)
    }
    assert invalid == {}
    for _, message in shown:
        decode(json.dumps(message))


@pytest.mark.parametrize(
    "message",
    [
        {"type": "join", "room": "r", "unknown": {"a": [1]}},
        {"type": "candidate"},
        {"type": "candidate", "candidate": "", "sdpMid": None, "sdpMLineIndex": 65535},
        {"type": "error", "code": "idle"},
        {"type": "joined", "member": "m", "peers": [], "iceServers": [{"urls": ["stun:a"]}]},
    ],
)
def test_what_the_decoder_takes_is_valid(validator: Any, message: object) -> None:
    decode(json.dumps(message))
    assert validator.is_valid(message)


@pytest.mark.parametrize(
    "message",
    [
        [],
        {},
        {"type": "nonsense"},
        {"type": "join"},
        {"type": "join", "room": ""},
        {"type": "join", "room": "r" * 129},
        {"type": "join", "room": "r", "name": "n" * 65},
        {"type": "offer"},
        {"type": "offer", "sdp": 7},
        {"type": "candidate", "sdpMLineIndex": 65536},
        {"type": "resume", "session": "s", "received": -1},
        {"type": "error", "code": "no-such-code"},
        {"type": "joined", "member": "m"},
    ],
)
def test_what_the_decoder_refuses_is_not_valid(validator: Any, message: object) -> None:
    with pytest.raises(MessageError):
        decode(json.dumps(message))
    assert not validator.is_valid(message)
