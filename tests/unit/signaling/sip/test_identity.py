"""The Identity header of a request (RFC 8224): how it is written, found, and refused by name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sipmessage import Request

from peer.errors import DescriptionError, IdentityError, IdentityFault
from peer.identity.certificate import Certificate
from peer.trust import Signer
from signaling.sip.identity import fingerprint_lines, identity_of, refusal_of, sign, token_in
from signaling.sip.parsing import parse_message, write_message
from signaling.sip.session_events import OfferReceived
from signaling.sip.transactions.outputs import SendMessage
from tests.support.sip.agent_end import AgentEnd
from tests.support.sip.signed import ANN, BOB, KEYS, changed

SHOWN = Certificate.generate().fingerprint()
SDP = f"v=0\r\na=fingerprint:{SHOWN}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
URL = "https://certificates.example.org/ann.pem"
NOW, DATE = 1_796_040_000, "Mon, 30 Nov 2026 12:00:00 GMT"


def signer(key_url: str | None = URL, origin: str = ANN) -> Signer:
    return Signer(KEYS[ANN], origin=origin, key_url=key_url, clock=lambda: NOW)


def invite(token: str | None, **headers: str | None) -> Request:
    """An INVITE of Ann to Bob as Bob gets it."""
    ann = AgentEnd("ann")
    ann.agent.invite(ann.uri.parse(BOB), sdp=SDP, identity=token)
    (sent,) = (each for each in ann.agent.take() if isinstance(each, SendMessage))
    received = parse_message(write_message(changed(sent.message, SDP, **headers)))
    assert isinstance(received, Request)
    return received


def found(request: Request) -> str | None:
    return identity_of(OfferReceived(request.body.decode(), request))


def test_signature_is_written_with_date_info_and_algorithm() -> None:
    token = signer().sign([SHOWN], destination=BOB)
    request = invite(token)
    assert request.headers["Identity"] == f"{token};info=<{URL}>;alg=ES256"
    assert request.headers["Date"] == DATE
    assert found(request) == token == token_in(request)


def test_signature_of_a_signer_without_a_url_names_the_signer() -> None:
    request = invite(signer(None).sign([SHOWN], destination=BOB))
    assert f";info=<{ANN}>;" in request.headers["Identity"]
    assert found(request) is not None


def test_request_without_a_signature_has_none_and_a_response_no_place_for_one() -> None:
    assert found(invite(None)) is None
    assert identity_of(OfferReceived(SDP)) == ""


def test_compact_form_is_put_together_from_the_request() -> None:
    token = signer().sign([SHOWN], destination=BOB)
    compact = f"..{token.rpartition('.')[2]};info=<{URL}>;alg=ES256"
    assert found(invite(token, Identity=compact)) == token
    for date, value in ((None, compact), (DATE, compact.replace(f";info=<{URL}>", ""))):
        with pytest.raises(IdentityError, match="needs Date and info"):
            found(invite(token, Identity=value, Date=date))


def test_signature_of_another_extension_is_passed_over() -> None:
    """RFC 8224 section 6.2: an authority on the way may have added one of its own."""
    token = signer().sign([SHOWN], destination=BOB)
    other = 'a.b.c;info=<https://carrier.example/c.pem>;alg=ES256;ppt="shaken"'
    assert found(invite(token, Identity=other)) is None
    assert found(invite(token, Identity=f"{other}, {token};info=<{URL}>")) == token


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"From": "<sip:mallory@example.org>;tag=1"}, "of sip:ann.*the request from sip:mallory"),
        ({"Date": "Mon, 30 Nov 2026 12:01:01 GMT"}, "Date is not the time"),
        ({"Date": "yesterday"}, "Date is none"),
        ({"Identity": "{};info=<https://other.example/x.pem>"}, "names .*, and its header"),
        ({"Identity": "{};info=<" + URL + ">;alg=RS256"}, "made by RS256"),
        ({"Identity": "a.b.c;info=<" + URL + ">"}, "malformed"),
        ({"Identity": "a;info=<" + URL + '>;ppt="open'}, "malformed"),
        ({"Identity": ", ".join(["a;ppt=div"] * 17)}, "16 are the most"),
    ],
)
def test_header_that_contradicts_its_request_is_refused_by_name(
    changes: dict[str, str], said: str
) -> None:
    token = signer().sign([SHOWN], destination=BOB)
    with pytest.raises(IdentityError, match=said):
        found(invite(token, **{name: text.replace("{}", token) for name, text in changes.items()}))


def test_address_that_a_proxy_writes_otherwise_is_the_same() -> None:
    request = invite(
        signer().sign([SHOWN], destination=BOB),
        From='"Ann" <sips:ann@EXAMPLE.org:5061;transport=tls>;tag=1',
    )
    assert found(request) is not None


@pytest.mark.parametrize(
    ("fault", "status", "phrase"),
    [
        (IdentityFault.MISSING, 428, None),
        (IdentityFault.STALE, 403, "Stale Date"),
        (IdentityFault.UNREACHABLE, 436, None),
        (IdentityFault.UNTRUSTED, 437, None),
        (IdentityFault.INVALID, 438, None),
    ],
)
def test_fault_of_a_signature_has_its_response(
    fault: IdentityFault, status: int, phrase: str | None
) -> None:
    refusal = refusal_of(IdentityError("wrong", fault))
    assert (refusal.status, refusal.phrase) == (status, phrase)


def test_other_faults_of_an_offer_are_not_acceptable_here() -> None:
    assert refusal_of(DescriptionError("wrong")).status == 488


def test_fingerprints_are_read_from_all_lines() -> None:
    text = "a=fingerprint:sha-256 AA:BB \r\nA=FINGERPRINT:sha-512 CC\na=x:a=fingerprint:no\n"
    assert fingerprint_lines(text) == {"sha-256 AA:BB", "sha-512 CC"}


@given(st.text(max_size=200) | st.from_regex(r"\.\.[a-z]{0,9}(;[a-z]{1,4}=[<>\"a-z.]{0,9}){0,4}"))
def test_no_identity_header_raises_anything_but_an_identity_error(text: str) -> None:
    request = invite(None)
    request.headers.setlist("Identity", [re.sub(r"[\r\n]", " ", text)])
    try:
        identity_of(OfferReceived(SDP, request))
    except IdentityError as error:
        assert error.fault in IdentityFault  # noqa: PT017 - nothing else may be raised


def test_signing_a_request_twice_replaces_the_signature() -> None:
    request = invite(signer().sign([SHOWN], destination=BOB))
    token = signer().sign([SHOWN], destination=BOB)
    sign(request, token)
    assert request.headers.getlist("Identity") == [f"{token};info=<{URL}>;alg=ES256"]
