from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.descriptions import SdpType, SessionDescription
from peer.ice import IceCandidate
from signaling.errors import ErrorCode, MessageError
from signaling.ice_servers import IceServerEntry
from signaling.messages import (
    MAX_MESSAGE_SIZE,
    Ack,
    Answer,
    Bye,
    Candidate,
    Error,
    Invite,
    Join,
    Joined,
    Message,
    Offer,
    Peer,
    PeerJoined,
    PeerLeft,
    PhraseMessage,
    Ping,
    Pong,
    ProgramNote,
    ProvisionalAnswer,
    Resume,
    Resumed,
    decode,
    description,
    encode,
)

EXAMPLES: list[tuple[Message, dict[str, object]]] = [
    (Offer(sdp="v=0\r\n"), {"type": "offer", "sdp": "v=0\r\n"}),
    (ProvisionalAnswer(sdp="v=0\r\n"), {"type": "pranswer", "sdp": "v=0\r\n"}),
    (Answer(sdp="v", to="a", sender="b"), {"type": "answer", "sdp": "v", "to": "a", "from": "b"}),
    (Invite(to="a", sender="b"), {"type": "invite", "to": "a", "from": "b"}),
    (
        Candidate(candidate="candidate:1", sdpMid="0", sdpMLineIndex=0, usernameFragment="u"),
        {
            "type": "candidate",
            "candidate": "candidate:1",
            "sdpMid": "0",
            "sdpMLineIndex": 0,
            "usernameFragment": "u",
        },
    ),
    (Candidate(), {"type": "candidate"}),
    (PhraseMessage(message="id QUFB"), {"type": "phrase", "message": "id QUFB"}),
    (
        Offer(sdp="v", identity="a.b.c"),
        {"type": "offer", "sdp": "v", "identity": "a.b.c"},
    ),
    (Bye(reason="done"), {"type": "bye", "reason": "done"}),
    (
        ProgramNote(label="ladder", text="{}", to="m2"),
        {"type": "note", "label": "ladder", "text": "{}", "to": "m2"},
    ),
    (
        Error(code=ErrorCode.BAD_CANDIDATE, reason="why"),
        {"type": "error", "code": "bad-candidate", "reason": "why"},
    ),
    (
        Join(room="r", name="n", resumable=True),
        {"type": "join", "room": "r", "name": "n", "resumable": True},
    ),
    (
        Join(room="r", identity_secret="0123456789abcdef"),
        {"type": "join", "room": "r", "identitySecret": "0123456789abcdef"},
    ),
    (Resume(session="s", received=3), {"type": "resume", "session": "s", "received": 3}),
    (
        Joined(member="m", peers=(Peer(member="p", name="n"),), session="s"),
        {
            "type": "joined",
            "member": "m",
            "peers": [{"member": "p", "name": "n"}],
            "session": "s",
        },
    ),
    (
        Joined(
            member="m",
            peers=(),
            iceServers=(IceServerEntry(urls=("turn:a", "turns:a"), username="u", credential="p"),),
        ),
        {
            "type": "joined",
            "member": "m",
            "peers": [],
            "iceServers": [{"urls": ["turn:a", "turns:a"], "username": "u", "credential": "p"}],
        },
    ),
    (Resumed(received=1), {"type": "resumed", "received": 1}),
    (PeerJoined(member="m", name="n"), {"type": "peer-joined", "member": "m", "name": "n"}),
    (
        PeerJoined(member="m", identity="i"),
        {"type": "peer-joined", "member": "m", "identity": "i"},
    ),
    (
        PeerLeft(member="m", may_return=True),
        {"type": "peer-left", "member": "m", "mayReturn": True},
    ),
    (PeerLeft(member="m", reason="r"), {"type": "peer-left", "member": "m", "reason": "r"}),
    (Ping(), {"type": "ping"}),
    (Pong(), {"type": "pong"}),
    (Ack(received=9), {"type": "ack", "received": 9}),
]

BAD = {
    "nothing": "",
    "not JSON": "hello",
    "cut off": '{"type":"offer","sdp":"v=',
    "a list": "[]",
    "a number": "1",
    "no type": "{}",
    "a type that is none": '{"type":"rollback","sdp":""}',
    "a type that is a number": '{"type":1}',
    "two types": '{"type":"offer","type":"answer","sdp":""}',
    "a field is missing": '{"type":"offer"}',
    "a field has the wrong type": '{"type":"offer","sdp":1}',
    "a null": '{"type":"offer","sdp":null}',
    "an m-line index out of range": '{"type":"candidate","sdpMLineIndex":65536}',
    "an m-line index below zero": '{"type":"candidate","sdpMLineIndex":-1}',
    "a fraction": '{"type":"ack","received":1.5}',
    "an enormous number": '{"type":"ack","received":1e400}',
    "not a number": '{"type":"ack","received":NaN}',
    "a name too long": json.dumps({"type": "join", "room": "r", "name": "n" * 65}),
    "a room without a name": '{"type":"join","room":""}',
    "a room name too long": json.dumps({"type": "join", "room": "r" * 129}),
    "a secret too short": json.dumps({"type": "join", "room": "r", "identitySecret": "s" * 15}),
    "a secret too long": json.dumps({"type": "join", "room": "r", "identitySecret": "s" * 65}),
    "an ICE server without a URL": '{"type":"resumed","received":1,"iceServers":[{"urls":[]}]}',
    "too many ICE servers": json.dumps(
        {"type": "resumed", "received": 1, "iceServers": [{"urls": ["stun:a"]}] * 9}
    ),
    "a code that is none": '{"type":"error","code":"nonsense"}',
    "not UTF-8": b'{"type":"offer","sdp":"\xff"}',
    "half a surrogate pair": '{"type":"offer","sdp":"\ud800"}',
    "half an escaped surrogate pair": '{"type":"offer","sdp":"\\ud800 and more"}',
    "too deep": '{"type":"ping","x":' + "[" * 100_000 + "]" * 100_000 + "}",
    "something after it": '{"type":"ping"}{"type":"ping"}',
}


@pytest.mark.parametrize(("message", "wire"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_a_message_is_written_with_the_names_of_the_protocol(
    message: Message, wire: dict[str, object]
) -> None:
    assert json.loads(encode(message)) == wire


@pytest.mark.parametrize(("message", "wire"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_a_message_is_read_back(message: Message, wire: dict[str, object]) -> None:
    assert decode(json.dumps(wire)) == message
    assert decode(json.dumps(wire).encode()) == message


def test_every_type_of_message_has_an_example() -> None:
    assert {type(message) for message, _ in EXAMPLES} == set(Message.__args__)


def test_fields_that_are_not_known_are_passed_over() -> None:
    assert decode('{"type":"ping","later":{"a":[1]}}') == Ping()


def test_a_browser_may_send_null_for_what_it_does_not_have() -> None:
    text = '{"type":"candidate","candidate":"","sdpMid":null,"sdpMLineIndex":null}'
    assert decode(text) == Candidate()


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_text_that_is_no_message_is_malformed(text: str | bytes) -> None:
    with pytest.raises(MessageError) as caught:
        decode(text)
    assert caught.value.code is ErrorCode.MALFORMED
    assert caught.value.reason


def test_the_error_says_where() -> None:
    with pytest.raises(MessageError, match=r"\$\.sdp"):
        decode('{"type":"offer","sdp":1}')


def test_a_message_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(MessageError) as caught:
        decode("{" * (MAX_MESSAGE_SIZE + 1))
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_a_description_of_the_greatest_size_fits() -> None:
    line = "a=" + "x" * 60 + "\r\n"
    offer = Offer(sdp=line * (256 * 1024 // len(line)))
    assert decode(encode(offer)) == offer


@given(st.text() | st.binary())
def test_the_decoder_is_total(text: str | bytes) -> None:
    with suppress(MessageError):
        decode(text)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_types = st.sampled_from([wire["type"] for _, wire in EXAMPLES])
_fields = st.sampled_from(sorted({name for _, wire in EXAMPLES for name in wire}))


@given(_types, st.dictionaries(_fields, _json))
def test_the_decoder_is_total_for_what_looks_like_a_message(
    kind: str, fields: dict[str, object]
) -> None:
    text = json.dumps({**fields, "type": kind})
    with suppress(MessageError):
        message = decode(text)
        assert decode(encode(message)) == message


@given(st.sampled_from(EXAMPLES), st.data())
def test_the_decoder_is_total_for_damaged_messages(
    example: tuple[Message, dict[str, object]], data: st.DataObject
) -> None:
    text = bytearray(encode(example[0]).encode())
    position = data.draw(st.integers(0, len(text) - 1))
    text[position] = data.draw(st.integers(0, 255))
    with suppress(MessageError):
        decode(bytes(text))


@pytest.mark.parametrize("kind", [SdpType.OFFER, SdpType.PRANSWER, SdpType.ANSWER])
def test_a_description_becomes_a_message_and_back(kind: SdpType) -> None:
    value = SessionDescription(sdp="v=0\r\n", type=kind)
    assert description(value).session_description == value


def test_a_rollback_is_not_sent() -> None:
    with pytest.raises(ValueError, match="rollback"):
        description(SessionDescription(sdp="", type=SdpType.ROLLBACK))


@pytest.mark.parametrize(
    "candidate",
    [
        None,
        IceCandidate(candidate="candidate:1", sdpMid="0", sdpMLineIndex=0, usernameFragment="u"),
        IceCandidate(candidate="", sdpMid="0"),
    ],
)
def test_a_candidate_becomes_a_message_and_back(candidate: IceCandidate | None) -> None:
    assert Candidate.of(candidate).ice_candidate == candidate
