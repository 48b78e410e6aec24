"""Responses to SIP requests: what they copy, and the tags of From and To."""

from __future__ import annotations

import pytest

from signaling.sip.replies import reply_to, tag_of
from tests.support.sip.messages import a_request


@pytest.mark.parametrize(
    ("address", "tag"),
    [
        ("<sip:a@b>;tag=1", "1"),
        ("sip:a@b;tag=1", "1"),
        ("<sip:a@b;tag=no>", None),
        ("<sip:a@b;tag=no> ; TAG = 1 ;x=y", "1"),
        ('"Ann <x>;tag=no" <sip:a@b>;tag=1', "1"),
        ('"Ann \\"<x>;tag=no" <sip:a@b>', None),
        ("<sip:a@b>;tag=", None),
    ],
)
def test_tag_is_read_from_an_address_as_it_stands(address: str, tag: str | None) -> None:
    assert tag_of(address) == tag


def test_response_repeats_what_rfc_3261_section_8_2_6_2_says() -> None:
    request = a_request(branch="z9hG4bK1")
    request.headers.add("Via", "SIP/2.0/TCP far.example.org;branch=z9hG4bK0")
    response = reply_to(request, 180, to_tag="me")
    assert response.phrase == "Ringing"
    for name in ("Via", "From", "Call-ID", "CSeq"):
        assert response.headers.getlist(name) == request.headers.getlist(name)
    assert response.headers["To"] == "<sip:bob@server.example.org>;tag=me"
    # A change of the one does not change the other.
    response.headers.add("Via", "SIP/2.0/UDP other")
    assert len(request.headers.getlist("Via")) == 2


def test_response_within_a_dialog_keeps_its_tag_and_100_repeats_the_timestamp() -> None:
    request = a_request(branch="z9hG4bK1", to_tag="theirs")
    request.headers.set("Timestamp", "54")
    assert reply_to(request, 200, to_tag="mine").headers["To"].endswith(";tag=theirs")
    assert reply_to(request, 100).headers["Timestamp"] == "54"
