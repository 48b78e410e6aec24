"""ICE credentials follow RFC 8839 section 5.4, and what servers of the field write."""

from __future__ import annotations

import re

import pytest

from peer.ice_parameters import IceParameters
from tests.support.negotiation.offer_answer import (
    add_track,
    edited,
    offer_of,
    pair,
    set_local,
    set_remote,
)


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
    assert re.fullmatch("[A-Za-z0-9+/]{4}", ours.username_fragment)
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
