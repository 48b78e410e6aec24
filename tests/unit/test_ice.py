"""ICE credentials and candidates follow RFC 8839 section 5, and what servers of the field write."""

from __future__ import annotations

import re

import pytest

from peer.errors import CandidateError
from peer.ice import CandidateFields, IceCandidate, IceParameters, default_candidate
from tests.support.negotiation.offer_answer import (
    add_track,
    edited,
    offer_of,
    pair,
    set_local,
    set_remote,
)

HOST = "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"


@pytest.mark.parametrize("ufrag", ["abcd", "a+/9", "a-_=#", "a" * 256])
def test_username_fragment_of_rfc_and_field_is_accepted(ufrag: str) -> None:
    assert IceParameters(ufrag, "p" * 22).username_fragment == ufrag


@pytest.mark.parametrize("ufrag", ["", "abc", "a" * 257, "ab:d", "ab d", "abcd\n", "\xe4bcd"])
def test_malformed_username_fragment_is_refused(ufrag: str) -> None:
    with pytest.raises(ValueError, match="ice-ufrag"):
        IceParameters(ufrag, "p" * 22)


@pytest.mark.parametrize("password", ["", "p" * 21, "p" * 257, "p" * 21 + ":"])
def test_malformed_ice_password_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="ice-pwd"):
        IceParameters("abcd", password)


def test_ice_parameters_repr_hides_password() -> None:
    password = "p" * 22
    assert password not in repr(IceParameters("abcd", password))


def test_generated_ice_parameters_use_only_ice_chars() -> None:
    ours = IceParameters.generate()
    assert re.fullmatch("[A-Za-z0-9+/]{8}", ours.username_fragment)
    assert re.fullmatch("[A-Za-z0-9+/]{24}", ours.password)
    assert IceParameters.generate() != ours


def test_offer_with_other_ufrag_characters_is_accepted() -> None:
    left, right = pair()
    add_track(left, "audio")
    offer = offer_of(left)
    ufrag = offer.sdp.partition("a=ice-ufrag:")[2].partition("\r")[0]
    set_remote(right, edited(offer, (f"ice-ufrag:{ufrag}", "ice-ufrag:a-_=#")))
    set_local(right)
    remote = right.session.transports[0].remote_ice
    assert remote is not None
    assert remote.username_fragment == "a-_=#"


@pytest.mark.parametrize(
    "text",
    [
        HOST,
        "candidate:a/+ 1 udp 1 2001:db8::1 9 typ srflx raddr 10.0.0.1 rport 5000",
        "candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
        "candidate:1 1 udp 1 a.local 9 typ host generation 0 ufrag abcd network-cost 999",
        "candidate:1 1 udp 1 192.0.2.1 9 typ relay raddr 0.0.0.0 rport 0",
    ],
)
def test_parsed_candidate_is_written_as_it_was_read(text: str) -> None:
    assert str(CandidateFields.parse(text)) == text
    assert CandidateFields.parse(f"a={text}") == CandidateFields.parse(text)
    assert CandidateFields.parse(text).is_understood


def test_candidate_of_unknown_type_is_parsed_and_not_understood() -> None:
    fields = CandidateFields.parse("candidate:1 1 udp 1 192.0.2.1 9 typ new-kind")
    assert fields.type == "new-kind"
    assert not fields.is_understood


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "eight fields"),
        ("candidate:1 1 udp 1 192.0.2.1 9 type host", "eight fields"),
        ("candidate:_ 1 udp 1 192.0.2.1 9 typ host", "foundation"),
        (f"candidate:{'1' * 33} 1 udp 1 192.0.2.1 9 typ host", "foundation"),
        ("candidate:1 0 udp 1 192.0.2.1 9 typ host", "component"),
        ("candidate:1 257 udp 1 192.0.2.1 9 typ host", "component"),
        ("candidate:1 1 udp 0 192.0.2.1 9 typ host", "priority"),
        ("candidate:1 1 udp 4294967296 192.0.2.1 9 typ host", "priority"),
        ("candidate:1 1 udp \N{ARABIC-INDIC DIGIT ONE} 192.0.2.1 9 typ host", "visible ASCII"),
        ("candidate:1 1 udp 1 192.0.2.1 65536 typ host", "port"),
        ("candidate:1 1 udp 1 192.0.2.1 -1 typ host", "port"),
        ("candidate:1 1 udp 1 192.0.2.1 9 typ ho(st", "type"),
        ("candidate:1 1 udp 1 192.0.2.1 9 typ host generation", "pairs"),
        ("candidate:1 1 udp 1 192.0.2.1 9 typ srflx rport x", "rport"),
        ("candidate:1 1 udp 1 \0 9 typ host", "visible ASCII"),
        ("candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=setup:active", "visible ASCII"),
        ("candidate:1 1 udp 1 \ud800 9 typ host", "visible ASCII"),
        (HOST + " x y" * 300, "1,024 characters"),
    ],
)
def test_malformed_candidate_is_refused_with_the_field_named(text: str, words: str) -> None:
    with pytest.raises(CandidateError, match=words) as refusal:
        CandidateFields.parse(text)
    assert refusal.value.candidate == text


@pytest.mark.parametrize(
    ("peer_address", "chosen"),
    [
        (None, "192.0.2.1"),
        ("198.51.100.7", "192.0.2.1"),
        ("2001:db8::7", "2001:db8::1"),
        ("phone.example", "192.0.2.1"),
    ],
)
def test_default_candidate_has_the_ip_version_of_a_peer_that_describes_an_address(
    peer_address: str | None, chosen: str
) -> None:
    candidates = [
        CandidateFields("1", 1, "udp", 1, address, 5000, "host")
        for address in ("2001:db8::1", "192.0.2.1")
    ]
    found = default_candidate(candidates, peer_address=peer_address)
    assert found is not None
    assert found.address == chosen


def test_default_candidate_is_of_the_other_ip_version_where_there_is_no_better() -> None:
    only = CandidateFields("1", 1, "udp", 1, "192.0.2.1", 5000, "host")
    assert default_candidate([only], peer_address="2001:db8::7") is only


def test_candidate_has_the_fields_of_its_line() -> None:
    line = (
        "candidate:435653019 2 TCP 1845501695 192.0.2.196 4444 typ srflx raddr 10.0.0.1 "
        "rport 22222 tcptype active"
    )
    found = IceCandidate(line, "0", 0, "user1")
    assert (found.foundation, found.component, found.protocol) == ("435653019", "rtcp", "tcp")
    assert (found.priority, found.address, found.port) == (1845501695, "192.0.2.196", 4444)
    assert (found.type, found.tcpType) == ("srflx", "active")
    assert (found.relatedAddress, found.relatedPort) == ("10.0.0.1", 22222)
    assert (found.url, found.relayProtocol) == (None, None)


@pytest.mark.parametrize("text", ["", "no candidate", "candidate:1 1 udp x 192.0.2.1 9 typ host"])
def test_candidate_without_a_line_has_no_fields(text: str) -> None:
    found = IceCandidate(text, "0")
    names = "foundation component protocol priority address port type tcpType relatedAddress"
    assert {getattr(found, name) for name in (*names.split(), "relatedPort")} == {None}


def test_json_of_a_candidate_is_what_signalling_carries() -> None:
    found = IceCandidate("candidate:x", "audio", 1, "user", url="turn:a", relayProtocol="tls")
    assert found == IceCandidate("candidate:x", "audio", 1, "user")
    assert found.toJSON() == {
        "candidate": "candidate:x",
        "sdpMid": "audio",
        "sdpMLineIndex": 1,
        "usernameFragment": "user",
    }
    assert IceCandidate(**found.toJSON()) == found  # type: ignore[arg-type]  # as JSON has it
