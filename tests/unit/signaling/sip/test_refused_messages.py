"""SIP messages that are none are refused by name, with what answers them."""

from __future__ import annotations

import pytest
from sipmessage import URI, Request, Response

from signaling.sip.errors import SipMessageError, SipUsageError
from signaling.sip.parsing import parse_message, write_message
from tests.support.sip.octets import request

REFUSED = {
    "blank": (b"\r\n\r\n", "empty message"),
    "no end": (request()[:-2], "no empty line"),
    "neither": (request(first="hello"), "neither a request nor a response"),
    "status of four digits": (request(first="SIP/2.0 4294 x"), "neither"),
    "status too great": (request(first="SIP/2.0 700 x"), "neither"),
    "URI in brackets": (request(first="INVITE <sip:a@b> SIP/2.0"), "Request-URI"),
    "URI with a space": (request(first="INVITE sip:a @b SIP/2.0"), "Request-URI"),
    "two spaces": (request(first="INVITE  sip:a@b SIP/2.0"), "Request-URI"),
    "no Via": (request(without=["Via"]), "Via is missing"),
    "no tag of a header": (request("nothing"), "is no header"),
    "no name": (request(": nothing"), "is no header"),
    "carriage return": (request(Subject="a\rContact: b"), "control character"),
    "control in a phrase": (request(first="SIP/2.0 200 O\rK"), "control character"),
    "null": (request(Subject="a\0"), "control character"),
    "two senders": (request("From: <sip:x@y>;tag=2"), "more than once"),
    "two lengths": (request("Content-Length: 0", "l: 0"), "more than once"),
    "length with a sign": (request("Content-Length: +0"), "is no number"),
    "length of another script": (request("Content-Length: ٣"), "is no number"),
    "body too short": (request("Content-Length: 9", body=b"12345678"), "9 are announced"),
    "hops": (request(Max_Forwards="300"), "Max-Forwards"),
    "sequence number": (request(CSeq="4294967295 INVITE"), "CSeq"),
    "other method": (request(CSeq="1 OPTIONS"), "OPTIONS in a request INVITE"),
    "quote left open": (request(To='"Ben <sip:b@c>'), "To"),
    "bracket left open": (request(To="<sip:b@c"), "To"),
    "text behind brackets": (request(To="<sip:b@c> x"), "To"),
    "empty user": (request(To="<sip:@c>"), "To"),
    "empty via": (request(Via="SIP/2.0/UDP a;branch=z9hG4bK1;;,;,,"), "Via"),
    "version of via": (request(Via="SIP/7.0/UDP a;branch=z9hG4bK1"), "Via"),
    "port of via": (request(Via="SIP/2.0/UDP a:99999"), "Via"),
    "every contact": (request(Contact="*"), "REGISTER only"),
    "call of two words": (request(Call_ID="a b"), "Call-ID"),
}


@pytest.mark.parametrize(("data", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_message_is_refused_by_name(data: bytes, sentence: str) -> None:
    with pytest.raises(SipMessageError, match=sentence):
        parse_message(data)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(To="<sip:b@c"), 400),
        (request(first="INVITE sip:a@b SIP/7.0"), 505),
        (request(first="INVITE <sip:a@b> SIP/2.0"), 400),
        (request("Content-Length: 9"), 400),
    ],
)
def test_a_refused_request_can_be_answered(data: bytes, status: int) -> None:
    with pytest.raises(SipMessageError) as caught:
        parse_message(data)
    assert caught.value.status == status
    assert caught.value.request
    assert caught.value.request.headers["Call-ID"] == "call-1@phone.example.org"
    assert caught.value.request.via[0].host == "phone.example.org"


@pytest.mark.parametrize(
    "data",
    [
        request(Via="nonsense"),
        request(without=["To"]),
        request("From: <sip:x@y>"),
        request(first="SIP/2.0 200 OK", To="<"),
        request(first="hello"),
    ],
)
def test_what_nobody_could_be_answered_has_no_request(data: bytes) -> None:
    with pytest.raises(SipMessageError) as caught:
        parse_message(data)
    assert caught.value.request is None


@pytest.mark.parametrize(
    "data",
    [
        request(body=b" " * 65_536),
        request(*[f"X: {index}" for index in range(256)]),
        request("X: " + "a" * 8_192),
        request(*["X: " + "a" * 8_000] * 5),
    ],
    ids=["message", "headers", "header", "head"],
)
def test_a_message_is_bounded(data: bytes) -> None:
    with pytest.raises(SipMessageError) as caught:
        parse_message(data)
    assert caught.value.status == 513


def test_a_header_that_would_forge_another_is_not_written() -> None:
    message = Request("INVITE", URI("sip", "b"))
    message.headers.add("Subject", "a\r\nContact: <sip:evil@b>")
    with pytest.raises(SipUsageError, match="Subject"):
        write_message(message)


def test_a_phrase_that_would_forge_a_header_is_not_written() -> None:
    with pytest.raises(SipUsageError, match="first line"):
        write_message(Response(200, "OK\r\nContact: <sip:evil@b>"))


def test_a_message_that_no_receiver_has_to_take_is_not_written() -> None:
    with pytest.raises(SipUsageError, match="larger than"):
        write_message(Response(200, "OK", b" " * 65_536))
