"""SIP messages that phones and servers send are read, strange as they may look."""

from __future__ import annotations

import pytest
from sipmessage import URI, Request, Response

from signaling.sip.grammar import parse_address, parse_uri, uri_headers
from signaling.sip.parsing import parse_message, write_message
from tests.support.sip.octets import request


def test_a_request_has_its_values_and_its_headers_as_they_came() -> None:
    message = parse_message(request("Content-Length: 4", body=b"v=0\n"))
    assert isinstance(message, Request)
    assert (message.method, str(message.uri)) == ("INVITE", "sip:ben@example.org")
    assert message.from_address.name == "Ann"
    assert message.from_address.parameters["tag"] == "a1"
    assert message.via[0].parameters == {"branch": "z9hG4bK-1", "rport": None}
    assert message.headers["Via"] == "SIP/2.0/UDP phone.example.org:5060;branch=z9hG4bK-1;rport"
    assert message.body == b"v=0\n"


@pytest.mark.parametrize("first", ["SIP/2.0 200 OK", "sip/2.0 200 ", "SIP/2.0 200"])
def test_a_status_line_may_lack_its_phrase(first: str) -> None:
    message = parse_message(request(first=first))
    assert isinstance(message, Response)
    assert message.code == 200


def test_folded_headers_are_unfolded() -> None:
    message = parse_message(request(Subject="I know\r\n\t you are\r\n  there"))
    assert message.headers["Subject"] == "I know you are there"


def test_compact_and_miscased_names_are_those_of_the_headers() -> None:
    text = request(without=["Via", "From", "To", "Call-ID", "Contact"]).decode()
    lines = "V: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\nf: sip:a@b;tag=1\r\nT : sip:c@d\r\ni:x\r\n"
    message = parse_message(text.replace("CSeq", f"{lines}m: <sip:e@f>\r\ncSEQ").encode())
    assert message.via[0].transport == "WS"
    assert message.from_address.uri == URI("sip", "b", "a")
    assert message.headers["Call-ID"] == "x"
    assert message.contact[0].uri.host == "f"


def test_several_values_in_one_line_are_several() -> None:
    contact = '"Smith, J <boss>" <sip:a@b;x=1,2>;q=0.5, "B" <sip:c@d>;+sip.instance="<urn:x;y>"'
    message = parse_message(request(Contact=contact))
    first, second = message.contact
    assert (first.name, first.uri.user, first.parameters["q"]) == ("Smith, J <boss>", "a", "0.5")
    assert second.parameters["+sip.instance"] == "<urn:x;y>"
    assert str(second) == '"B" <sip:c@d>;+sip.instance="<urn:x;y>"'


def test_two_vias_in_one_line_and_a_third_below_are_three() -> None:
    via = "SIP / 2.0 / UDP  a.b : 5060 ;ttl=16;Branch=z9hG4bK1 , SIP/2.0/TLS [2001:db8::9:255];x"
    message = parse_message(request("Via: SIP/2.0/TCP c", Via=via))
    assert [each.host for each in message.via] == ["a.b", "[2001:db8::9:255]", "c"]
    assert message.via[0].port == 5060
    assert message.via[0].parameters["branch"] == "z9hG4bK1"


def test_a_received_address_of_ipv6_has_no_brackets() -> None:
    via = "SIP/2.0/UDP [2001:db8::1]:5060;received=2001:db8::2;branch=z9hG4bK1"
    message = parse_message(request(Via=via))
    assert message.via[0].parameters["received"] == "2001:db8::2"
    assert str(message.via[0]) == via


def test_parameters_in_quotes_hide_no_other_parameter() -> None:
    message = parse_message(request(From='<sip:a@b>;x="1;tag=evil";tag=good'))
    assert message.from_address.parameters == {"x": "1;tag=evil", "tag": "good"}


def test_the_first_of_two_parameters_of_one_name_counts() -> None:
    assert parse_address("<sip:a@b>;tag=good;Tag=evil").parameters == {"tag": "good"}


def test_a_parameter_with_a_name_of_python_is_a_parameter() -> None:
    assert parse_address("<sip:a@b>;self=1").parameters["self"] == "1"


@pytest.mark.parametrize("tag", ["a+b/c", "-.!%66*_+`'~"])
def test_a_tag_is_written_as_it_came(tag: str) -> None:
    address = parse_address(f"<sip:a@b>;tag={tag}")
    assert address.parameters["tag"] == tag
    assert str(address) == f"<sip:a@b>;tag={tag}"
    assert str(address.parameters.replace(tag=tag)) == f";tag={tag}"


def test_the_contact_of_a_general_unregistration_stands_alone() -> None:
    first = "REGISTER sip:example.org SIP/2.0"
    message = parse_message(request(first=first, CSeq="1 REGISTER", Contact="*"))
    assert message.contact == []
    assert message.headers["Contact"] == "*"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Jörg Müller <sip:j@b>", "Jörg Müller"),
        ('"J\\"rg \\\\ M" <sip:j@b>', 'J"rg \\ M'),
        ('""<sip:j@b>', ""),
        ("<sip:j@b>", ""),
    ],
)
def test_display_names_are_read(text: str, name: str) -> None:
    assert parse_address(text).name == name


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("SIP:a@B", URI("sip", "B", "a")),
        ("sips:a:b%20c@d:5061", URI("sips", "d", "a", "b c", 5061)),
        ("sip:a@[2001:db8::1]:5060", URI("sip", "[2001:db8::1]", "a", None, 5060)),
        ("sip:a;b?c@d?Subject=x%20y", URI("sip", "d", "a;b?c")),
        ("sip:my_host", URI("sip", "my_host")),
        ("tel:+1-201-555-0123", URI("tel", "", "+1-201-555-0123")),
        ("urn:service:sos", URI("urn", "service:sos")),
    ],
)
def test_uris_are_read(text: str, uri: URI) -> None:
    assert parse_uri(text) == uri


def test_headers_of_a_uri_can_be_had() -> None:
    uri = "sip:a?b@c;lr?Replaces=1%40x%3Bto-tag%3D2&subject=y"
    assert uri_headers(uri) == {"replaces": "1@x;to-tag=2", "subject": "y"}


@pytest.mark.parametrize(
    "uri",
    ["sip:a@b;transport=ws;ob", "sip:a@b;alias=1.2.3.4~5~6;gr=urn:uuid:7;%00lr", "urn:service:sos"],
)
def test_a_uri_is_written_as_it_came(uri: str) -> None:
    assert str(parse_uri(uri)) == uri


def test_line_ends_may_be_lf_alone_and_stand_before_the_message() -> None:
    message = parse_message(b"\r\n\r\n" + request(eol="\n", body=b"body"))
    assert message.body == b"body"


def test_octets_behind_the_body_are_dropped() -> None:
    assert parse_message(request("l: 2", body=b"ab\r\ncd")).body == b"ab"


def test_octets_that_are_no_utf8_are_replaced() -> None:
    data = request(From="X <sip:a@b>;tag=1").replace(b"X", b"J\xf6rg")
    assert parse_message(data).from_address.name == "J\ufffdrg"


@pytest.mark.parametrize("text", ["soon", "4294967296", "-1", "٣"])
def test_a_malformed_expiry_is_an_hour(text: str) -> None:
    assert parse_message(request(Expires=text)).expires == 3600


def test_what_is_written_is_read_again() -> None:
    message = parse_message(request(body=b"v=0"))
    written = write_message(message)
    assert b"\r\nContent-Length: 3\r\n" in written
    assert write_message(parse_message(written)) == written
