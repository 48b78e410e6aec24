"""Mutated SIP messages: refused by name, or taken so that nothing raises later, and nothing kept.

INPUTS says how many; it was run with 100,000.
"""

from __future__ import annotations

import os
import random
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sipmessage import Request, Response, Via

from peer.times import MonotonicTime
from signaling.errors import InsecureUrlError
from signaling.sip.digest import MAX_REALMS, Digest
from signaling.sip.errors import SipAuthenticationError, SipMessageError, SipUsageError
from signaling.sip.framing import StreamFramer
from signaling.sip.grammar import SipParameters, parse_address, parse_uri, uri_headers
from signaling.sip.parsing import MAX_MESSAGE, parse_message, write_message
from signaling.sip.replies import reply_to
from signaling.sip.transactions.layer import TransactionLayer
from signaling.sip.transactions.outputs import RequestReceived
from signaling.sip.transport.urls import read_url
from tests.support.sip.octets import request

if TYPE_CHECKING:
    from collections.abc import Iterator

INPUTS = int(os.environ.get("INPUTS", "2000"))

pytestmark = pytest.mark.timeout(120 + INPUTS // 100)

CHALLENGE = 'Digest realm="r, \\"q", nonce="n", qop="auth,auth-int", algorithm=SHA-256, opaque=""'
MESSAGES = [
    request("Content-Type: application/sdp", "Content-Length: 8", body=b"v=0\r\ns=-"),
    request(
        "Record-Route: <sip:p1;lr>, <sip:p2:5070;transport=tcp;lr>",
        'Contact: "A, B" <sip:c@[2001:db8::1]:5060;x?y=z>;q=0.5;+sip.instance="<urn:uuid:1>"',
        Via="SIP / 2.0/UDP a.b:5060;received=2001:db8::2;rport=1,\r\n\tSIP/2.0/TCP c;branch=z",
        To='"\\"\\\\" <sips:u:p@d>;tag=x',
    ),
    request(f"WWW-Authenticate: {CHALLENGE}", first="SIP/2.0 401 No", CSeq="1 REGISTER"),
    request("Proxy-Authenticate: Digest realm=a,nonce=b", first="SIP/2.0 407 No"),
    request("Expires: 0", first="REGISTER sip:b SIP/2.0", CSeq="1 REGISTER", Contact="*"),
    request(
        "v: SIP/2.0/WS x.invalid", "l: 0", first="OPTIONS tel:+1;a=b SIP/2.0", CSeq="7 OPTIONS"
    ),
]
#: What a parser stumbles over, more often than by chance.
PIECES = [
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b"\r\n ",
        b":",
        b";",
        b",",
        b"=",
        b"@",
    ),
    *(
        b'"',
        b"\\",
        b"<",
        b">",
        b"[",
        b"]",
        b"?",
        b"&",
        b"%",
        b"%00",
        b"*",
        b"/",
        b"::",
        b"\xff",
        b"\xc3",
    ),
    *(b"SIP/2.0", b"SIP/3.0", b"4294967296", b"-1", "٣".encode(), b"Content-Length: 99999\r\n"),
    *(b"sip:", b"SIPS:", b"tel:", b"urn:", b";self=1", b";tag=", b"Via: ", b"Digest ", b"nonce="),
]


def mutated(chance: random.Random) -> bytes:
    data = bytearray(chance.choice(MESSAGES))
    for _ in range(chance.randint(1, 6)):
        place, end = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
        match chance.randrange(6):
            case 0:
                data[place:place] = chance.choice(PIECES)
            case 1:
                data[place : place + chance.randint(1, 12)] = b""
            case 2:
                data[place : place + 1] = chance.choice(PIECES)
            case 3:
                data[place:place] = data[place : min(end, place + 200)]
            case 4:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case _:
                other = chance.choice(MESSAGES)
                data[place:end] = other[place:end]
    return bytes(data)


def inputs(name: str) -> Iterator[tuple[random.Random, bytes]]:
    for number in range(INPUTS):
        chance = random.Random(f"{name} {number}")
        yield chance, mutated(chance)


def touch(message: Request | Response) -> None:
    """Read all that an answer, a transaction, a dialog and a registration read."""
    assert message.via
    assert message.from_address.uri.scheme
    assert message.to_address.uri.scheme
    assert message.cseq.method
    assert len(message.headers["Call-ID"].split()) == 1
    for each in (*message.route, *message.record_route, *message.contact):
        assert parse_address(str(each)).uri == each.uri
    assert message.expires is None or 0 <= message.expires < 2**32
    assert message.max_forwards is None or message.max_forwards < 256
    assert message.content_type is None or message.content_type.mime_type
    assert message.content_length is None or message.content_length == len(message.body)
    assert all(isinstance(each, str) for each in (*message.supported, *message.require))


def parsed(data: bytes) -> Request | Response | None:
    """Parse a message; what is refused has its reason, and an answer where there is a request."""
    try:
        return parse_message(data)
    except SipMessageError as error:
        refusal = error
    assert refusal.reason
    assert refusal.status in (400, 505, 513)
    if refusal.request:
        answer = reply_to(refusal.request, refusal.status)
        assert write_message(answer).startswith(f"SIP/2.0 {refusal.status} ".encode())
    return None


@pytest.mark.parametrize("data", MESSAGES)
def test_messages_that_are_mutated_are_whole(data: bytes) -> None:
    touch(parse_message(data))


def test_a_mutated_message_is_refused_by_name_or_can_be_used_and_nothing_is_kept() -> None:
    taken, now = 0, MonotonicTime(0.0)
    layer = TransactionLayer(via=Via("UDP", "here.example.org", 5060, SipParameters()))
    for _, data in inputs("message"):
        message = parsed(data)
        if message is None:
            continue
        taken += 1
        touch(message)
        again = parse_message(write_message(message))
        touch(again)
        assert write_message(again) == write_message(message)
        now = MonotonicTime(now + 0.01)
        for output in (*layer.advance(now), *layer.receive(message, now)):
            if isinstance(output, RequestReceived):
                layer.respond(output.key, reply_to(output.request, 500), now)
    assert INPUTS // 20 < taken < INPUTS
    # RFC 3261 section 17: no transaction lasts for longer than 64*T1 and T4 behind it.
    for seconds in (40.0, 80.0):
        layer.advance(MonotonicTime(now + seconds))
    assert len(layer) == 0


def test_a_mutated_stream_is_refused_by_name_and_keeps_no_more_than_a_message() -> None:
    framer = StreamFramer()
    for chance, data in inputs("stream"):
        stream = data.replace(b"From:", b"Content-Length: 0\r\nFrom:", 1) + chance.choice(MESSAGES)
        step = chance.randint(1, len(stream))
        try:
            for place in range(0, len(stream), step):
                for frame in framer.receive(stream[place : place + step]):
                    assert not isinstance(frame, bytes) or len(frame) <= MAX_MESSAGE
        except SipMessageError:
            framer = StreamFramer()
        assert framer.kept <= MAX_MESSAGE


def test_a_mutated_challenge_is_answered_or_named() -> None:
    digest = Digest("ann", password="secret")
    answered = 0
    for chance, data in inputs("challenge"):
        response = Response(chance.choice((401, 407)), "No")
        texts = re.findall(rb"(?i)authenticate: *([^\0-\x1f\x7f]*)", data) or [CHALLENGE.encode()]
        response.headers.setlist(
            "WWW-Authenticate", [each.decode("utf-8", "replace") for each in texts]
        )
        again = parse_message(MESSAGES[4])
        assert isinstance(again, Request)
        digest.authorize(again)
        try:
            digest.take(response, to=again)
        except SipAuthenticationError:
            digest = Digest("ann", password="secret")
            continue
        answered += 1
        digest.authorize(again)
        # A server may put into a challenge what no header has; then nothing is sent at all.
        assert b"Authorization: Digest " in write_message(again)
        assert len(again.headers.getlist("Authorization")) <= MAX_REALMS
    assert answered > INPUTS // 20


@settings(deadline=None)
@given(st.text(max_size=80) | st.text('sip:@;=?<>[]"\\, %a1', max_size=40).map("sip:".__add__))
def test_text_as_a_uri_or_address_is_refused_or_written_again(text: str) -> None:
    uri_headers(text)
    for parse in (parse_uri, parse_address):
        try:
            value = parse(text)
        except ValueError:
            continue
        assert parse(str(value)) == value


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z+.-]{1,9}", fullmatch=True), st.none() | st.text()))
def test_parameters_are_read_as_they_were_written(values: dict[str, str | None]) -> None:
    for uri in (False, True):
        written = str(SipParameters(values, uri=uri))
        assert SipParameters.read(written, uri=uri) == values


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("wsip:/@[]:;=transportcud0123", max_size=40))
def test_text_as_the_url_of_a_server_is_refused_by_name(text: str) -> None:
    try:
        read_url(text)
    except (SipUsageError, InsecureUrlError):
        return
