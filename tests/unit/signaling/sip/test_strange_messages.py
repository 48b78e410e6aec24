"""Strange messages that RFC 3261 allows are taken for what they say (as RFC 4475 has it)."""

from __future__ import annotations

import pytest
from sipmessage import Request, Response

from signaling.sip.parsing import parse_message, write_message
from tests.support.sip.octets import request


def taken(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def test_a_method_may_have_every_character_of_a_token() -> None:
    method = "!weird-Method0123456789_*+`.%worse'~"
    message = taken(request(first=f"{method} sip:a@b SIP/2.0", CSeq=f"0009 {method}"))
    assert message.method == method
    assert (message.cseq.sequence, message.cseq.method) == (9, method)


def test_an_escape_in_a_method_is_no_escape() -> None:
    message = taken(request(first="RE%47ISTER sip:b SIP/2.0", CSeq="1 RE%47ISTER"))
    assert message.method == "RE%47ISTER"


def test_a_user_may_have_semicolons_and_escaped_nulls() -> None:
    message = taken(request(To="sip:null-%00-null@example.org", Contact="<sip:a;par=u%40h@c.d>"))
    assert message.to_address.uri.user == "null-\0-null"
    assert message.contact[0].uri.user == "a;par=u@h"
    assert message.contact[0].uri.parameters == {}


def test_parameters_without_brackets_are_those_of_the_header() -> None:
    message = taken(request(Contact="sip:a@b;lr;expires=7"))
    assert message.contact[0].parameters == {"lr": None, "expires": "7"}
    assert message.contact[0].uri.parameters == {}


@pytest.mark.parametrize("name", ["token.-!%*_+`'~ and another", '"\\"\\\\\\,;<>"', "日本語", ""])
def test_a_display_name_may_touch_its_bracket(name: str) -> None:
    message = taken(request(To=f"{name}<sip:b@c>;tag=t"))
    assert message.to_address.uri.user == "b"
    assert message.to_address.parameters["tag"] == "t"


def test_colons_and_slashes_of_via_may_stand_apart() -> None:
    via = 'SIP  / 2.0\r\n  /UDP\r\n    192.0.2.2 :\r\n 5061 ; branch = z9hG4bK1 ; x = "a, b;\\"c"'
    message = taken(request(Via=via))
    assert (message.via[0].host, message.via[0].port) == ("192.0.2.2", 5061)
    assert message.via[0].parameters == {"branch": "z9hG4bK1", "x": 'a, b;"c'}


def test_transports_that_nobody_knows_are_those_of_others() -> None:
    vias = "SIP/2.0/UDP a;branch=z9hG4bK1,SIP/2.0/SCTP b,SIP/2.0/UNKNOWN c:5,SIP/2.0/tls-dtls d"
    message = taken(request(Via=vias))
    assert [each.transport for each in message.via] == ["UDP", "SCTP", "UNKNOWN", "TLS-DTLS"]


@pytest.mark.parametrize("scheme", ["nobodyKnowsThisScheme", "http", "soap.beep"])
def test_a_scheme_that_nobody_knows_is_read_so_that_it_can_be_refused(scheme: str) -> None:
    message = taken(request(first=f"OPTIONS {scheme}:content SIP/2.0", CSeq="1 OPTIONS"))
    assert message.uri.scheme == scheme.lower()
    assert str(message.uri) == f"{scheme.lower()}:content"


def test_a_request_of_rfc_2543_has_neither_branch_nor_hops() -> None:
    message = taken(request(Via="SIP/2.0/UDP c.example.org", without=["Max-Forwards"]))
    assert message.via[0].parameters == {}
    assert message.max_forwards is None


def test_headers_of_the_request_uri_are_left_out() -> None:
    first = "INVITE sip:a@b?Route=%3Csip:c%3E SIP/2.0"
    assert str(taken(request(first=first)).uri) == "sip:a@b"


@pytest.mark.parametrize(
    "phrase", ["= 2**3 * 5**2 but 3 times 3 is nine", '\u043d\u0435\u0442, <>;,"', ""]
)
def test_a_phrase_may_be_anything(phrase: str) -> None:
    message = parse_message(request(first=f"SIP/2.0 200 {phrase}"))
    assert isinstance(message, Response)
    assert message.phrase == phrase


def test_long_values_are_taken_whole() -> None:
    name, tag = "n" * 2_000, "t" * 2_000
    vias = ", ".join(
        f"SIP/2.0/UDP h{index}.example.org;branch=z9hG4bK{index}" for index in range(120)
    )
    message = taken(request(Via=vias, From=f'"{name}" <sip:a@b>;tag={tag}'))
    assert message.from_address.name == name
    assert message.from_address.parameters["tag"] == tag
    assert len(message.via) == 120


def test_the_date_and_what_else_nobody_needs_may_be_wrong() -> None:
    message = taken(request("Date: soon", "Warning: ", "X: \t", Expires="never"))
    assert message.headers["Date"] == "soon"


def test_a_body_of_several_parts_is_not_looked_into() -> None:
    body = b"--b\r\n\r\nv=0\r\n--b\r\nContent-Type: x/y\r\n\r\n\xff\0\r\n--b--\r\n"
    kind = 'Multipart/Mixed ; boundary="b;c"'
    message = taken(request(f"Content-Type: {kind}", f"Content-Length: {len(body)}", body=body))
    assert message.body == body
    assert message.content_type
    assert message.content_type.mime_type == "multipart/mixed"
    assert message.content_type.parameters["boundary"] == "b;c"
    assert write_message(message).endswith(body)
