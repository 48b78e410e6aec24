"""SIP messages of a byte stream are cut out of it as they were written into it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.sip.errors import SipMessageError
from signaling.sip.framing import KeepAlive, StreamFramer
from tests.support.sip.octets import request

FIRST = request("Content-Length: 3", body=b"a\r\n")
SECOND = request("l:\r\n 0")
STREAM = b"\r\n\r\n" + FIRST + SECOND + b"\r\n\r\n" + FIRST
WHOLE: list[bytes | KeepAlive] = [KeepAlive.PING, FIRST, SECOND, KeepAlive.PING, FIRST]


@settings(deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_messages_are_the_same_however_the_stream_is_cut(places: list[int]) -> None:
    # Between the two halves of a ping lies a pong, to whoever does not wait.
    ends = sorted({place for place in places if STREAM[:place][-3:] != b"\n\r\n"} | {len(STREAM)})
    framer = StreamFramer()
    found: list[bytes | KeepAlive] = []
    begin = 0
    for end in ends:
        found += framer.receive(STREAM[begin:end])
        begin = end
    assert [each for each in found if isinstance(each, bytes)] == [FIRST, SECOND, FIRST]
    if len(ends) == 1:
        assert found == WHOLE


def test_a_pong_is_told_from_a_ping() -> None:
    framer = StreamFramer()
    assert list(framer.receive(b"\r\n")) == [KeepAlive.PONG]
    assert list(framer.receive(b"\r\n\r\n")) == [KeepAlive.PING]
    assert list(framer.receive(b"\r\n" + SECOND)) == [KeepAlive.PONG, SECOND]


def test_messages_before_an_error_are_not_lost() -> None:
    stream = StreamFramer().receive(FIRST + request())
    assert next(stream) == FIRST
    with pytest.raises(SipMessageError, match="Content-Length"):
        next(stream)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"a" * 40_000, "no empty line"),
        (request("Content-Length: 65536"), "body of 65536"),
        (request("Content-Length: -1"), "no number"),
        (request("Content-Length: 1", "l: 2"), "one Content-Length"),
        (request("nothing"), "no header"),
    ],
)
def test_a_stream_that_says_not_where_a_message_ends_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(SipMessageError, match=sentence):
        list(StreamFramer().receive(data))


def test_a_message_that_comes_by_single_octets_is_searched_once() -> None:
    framer = StreamFramer()
    head = request("X: " + "a" * 8_000, "Content-Length: 0")
    assert [each for octet in head for each in framer.receive(bytes([octet]))] == [head]
