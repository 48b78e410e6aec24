"""Names of signers in one form, however signalling writes them (RFC 8224 section 8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.trust.names import canonical, claim, name_of_number


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("sip:alice@example.org", "sip:alice@example.org"),
        ("SIPS:alice@Example.ORG:5061;transport=tls?Subject=x", "sip:alice@example.org"),
        ("sip:alice:secret@example.org;lr", "sip:alice@example.org"),
        ("sip:%61lice%2b@example.org", "sip:alice%2B@example.org"),
        ("sip:Alice@[2001:DB8::1]:5060", "sip:Alice@[2001:db8::1]"),
        ("sip:Example.org", "sip:example.org"),
        ("sip:+1-215-555-1212;isub=7@example.org;user=phone", "tel:+12155551212"),
        ("tel:+1(215)555-1212;ext=3", "tel:+12155551212"),
        ("sip:1212@example.org;user=phone", "sip:1212@example.org"),
        ("tel:1212;phone-context=example.org", "tel:1212;phone-context=example.org"),
        ("room:lounge", "room:lounge"),
        ("mailto:alice@Example.org", "mailto:alice@Example.org"),
    ],
)
def test_all_forms_of_a_name_have_one_canonical_form(written: str, name: str) -> None:
    assert canonical(written) == name
    assert canonical(name) == name


def test_a_telephone_number_is_a_tn_without_its_plus() -> None:
    assert claim("tel:+12155551212") == ("tn", "12155551212")
    assert name_of_number("12155551212") == "tel:+12155551212"
    assert claim("sip:alice@example.org") == ("uri", "sip:alice@example.org")


@given(
    st.text(max_size=60) | st.from_regex(r"(sip|tel):[+%a-f0-9@:;?.\[\]-]{0,40}", fullmatch=True)
)
def test_no_text_raises_and_a_canonical_name_stays(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)
