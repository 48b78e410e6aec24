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
def test_a_username_fragment(ufrag: str) -> None:
    assert IceParameters(ufrag, "p" * 22).username_fragment == ufrag


@pytest.mark.parametrize("ufrag", ["", "abc", "a" * 257, "ab:d", "ab d", "abcd\n", "\xe4bcd"])
def test_what_is_no_username_fragment(ufrag: str) -> None:
    with pytest.raises(ValueError, match="ice-ufrag"):
        IceParameters(ufrag, "p" * 22)


@pytest.mark.parametrize("password", ["", "p" * 21, "p" * 257, "p" * 21 + ":"])
def test_what_is_no_password(password: str) -> None:
    with pytest.raises(ValueError, match="ice-pwd"):
        IceParameters("abcd", password)


def test_ours_follow_the_rfc_to_the_letter() -> None:
    ours = IceParameters.generate()
    assert re.fullmatch("[A-Za-z0-9+/]{4}", ours.username_fragment)
    assert re.fullmatch("[A-Za-z0-9+/]{24}", ours.password)
    assert IceParameters.generate() != ours


def test_an_offer_with_what_servers_write_is_taken() -> None:
    left, right = pair()
    add_track(left, "audio")
    offer = offer_of(left)
    ufrag = offer.sdp.partition("a=ice-ufrag:")[2].partition("\r")[0]
    set_remote(right, edited(offer, (f"ice-ufrag:{ufrag}", "ice-ufrag:a-_=#")))
    set_local(right)
    remote = right.session.transports[0].remote_ice
    assert remote is not None
    assert remote.username_fragment == "a-_=#"
