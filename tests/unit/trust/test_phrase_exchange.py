"""Numbers of a phrase are exchanged once for each pair of certificates, the commitment first."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.errors import PhraseError
from peer.identity.certificate import Certificate
from peer.trust.phrase import PhraseEnds
from peer.trust.phrase_exchange import VERSION, PhraseExchange

ALICE, BOB, CAROL, MALLORY = (frozenset({Certificate.generate().fingerprint()}) for _ in range(4))
ENDS = PhraseEnds(offerer=ALICE, answerer=BOB)


def numbers(seed: str) -> Callable[[int], bytes]:
    """Random numbers that are the same in each run."""
    count = 0

    def random(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.sha256(f"{seed} {count}".encode()).digest()[:size]

    return random


def exchanged(alice: PhraseExchange, bob: PhraseExchange, ends: PhraseEnds) -> None:
    """Run the exchange of an offer of Alice's that Bob answers."""
    value = bob.answer_value(ends)
    assert bob.begin(ends, we_offered=False, value=VERSION) is None
    first = alice.begin(ends, we_offered=True, value=value)
    assert first is not None
    second = bob.receive(first)
    assert second is not None
    assert alice.receive(second) is None


def test_both_ends_have_the_same_phrase_after_one_message_of_each() -> None:
    alice, bob = PhraseExchange(numbers("alice")), PhraseExchange(numbers("bob"))
    exchanged(alice, bob, ENDS)
    assert alice.phrase is not None
    assert alice.phrase == bob.phrase


def test_new_certificates_have_a_new_phrase_and_the_same_ones_keep_theirs() -> None:
    alice, bob = PhraseExchange(numbers("alice")), PhraseExchange(numbers("bob"))
    exchanged(alice, bob, ENDS)
    first = alice.phrase
    # Bob offers again, with nothing new: neither end begins anew.
    again = PhraseEnds(offerer=BOB, answerer=ALICE)
    value = alice.answer_value(again)
    assert alice.begin(again, we_offered=False, value=VERSION) is None
    assert bob.begin(again, we_offered=True, value=value) is None
    assert alice.phrase == bob.phrase == first
    exchanged(alice, bob, PhraseEnds(offerer=CAROL, answerer=BOB))
    assert alice.phrase == bob.phrase != first


def test_a_final_answer_after_a_provisional_one_goes_on_with_the_exchange() -> None:
    """The number of the offerer is under way when the second answer comes: it is said once."""
    alice, bob = PhraseExchange(numbers("alice")), PhraseExchange(numbers("bob"))
    value = bob.answer_value(ENDS)
    bob.begin(ENDS, we_offered=False, value=VERSION)
    first = alice.begin(ENDS, we_offered=True, value=value)
    assert bob.answer_value(ENDS) == value
    bob.begin(ENDS, we_offered=False, value=VERSION)
    assert alice.begin(ENDS, we_offered=True, value=value) is None
    assert first is not None
    second = bob.receive(first)
    assert second is not None
    alice.receive(second)
    assert alice.phrase == bob.phrase is not None


def test_an_offer_of_the_answerer_before_the_exchange_ended_leaves_one_phrase() -> None:
    alice, bob = PhraseExchange(numbers("alice")), PhraseExchange(numbers("bob"))
    value = bob.answer_value(ENDS)
    bob.begin(ENDS, we_offered=False, value=VERSION)
    first = alice.begin(ENDS, we_offered=True, value=value)
    assert first is not None
    # Bob's offer and Alice's number cross.
    again = PhraseEnds(offerer=BOB, answerer=ALICE)
    value = alice.answer_value(again)
    assert alice.begin(again, we_offered=False, value=VERSION) is None
    second = bob.receive(first)
    assert second is not None
    assert bob.begin(again, we_offered=True, value=value) is None
    alice.receive(second)
    assert alice.phrase == bob.phrase is not None
    assert alice.theirs == BOB
    assert bob.theirs == ALICE


def test_an_offer_of_the_answerer_begins_anew_where_a_number_was_lost() -> None:
    alice, bob = PhraseExchange(numbers("alice")), PhraseExchange(numbers("bob"))
    value = bob.answer_value(ENDS)
    bob.begin(ENDS, we_offered=False, value=VERSION)
    assert alice.begin(ENDS, we_offered=True, value=value) is not None
    exchanged(bob, alice, PhraseEnds(offerer=BOB, answerer=ALICE))
    assert alice.phrase == bob.phrase is not None


def test_a_forged_number_of_an_exchange_that_goes_on_beside_another_is_an_error() -> None:
    alice, bob = PhraseExchange(numbers("alice")), PhraseExchange(numbers("bob"))
    first = alice.begin(ENDS, we_offered=True, value=bob.answer_value(ENDS))
    assert first is not None
    again = PhraseEnds(offerer=BOB, answerer=ALICE)
    alice.answer_value(again)
    alice.begin(again, we_offered=False, value=VERSION)
    with pytest.raises(PhraseError, match="looks for a phrase that agrees"):
        alice.receive(first)
    with pytest.raises(PhraseError, match="looks for a phrase that agrees"):
        _ = alice.phrase


def test_the_certificate_of_the_peer_stays_the_peers_when_the_other_end_offers() -> None:
    alice, bob = PhraseExchange(numbers("alice")), PhraseExchange(numbers("bob"))
    exchanged(alice, bob, ENDS)
    again = PhraseEnds(offerer=BOB, answerer=ALICE)
    value = alice.answer_value(again)
    alice.begin(again, we_offered=False, value=VERSION)
    bob.begin(again, we_offered=True, value=value)
    assert (alice.theirs, bob.theirs) == (BOB, ALICE)


def test_a_message_that_comes_before_the_answer_is_applied_waits() -> None:
    alice, bob = PhraseExchange(numbers("alice")), PhraseExchange(numbers("bob"))
    first = alice.begin(ENDS, we_offered=True, value=bob.answer_value(ENDS))
    assert first is not None
    assert bob.receive(first) is None
    second = bob.begin(ENDS, we_offered=False, value=VERSION)
    assert second is not None
    alice.receive(second)
    assert alice.phrase == bob.phrase is not None


def test_nobody_reveals_a_number_before_both_are_bound() -> None:
    bob = PhraseExchange(numbers("bob"))
    alice = PhraseExchange(numbers("alice"))
    value = bob.answer_value(ENDS)
    # Bob's number is not in what he sends first, and Alice says hers only when she has that.
    assert bob.begin(ENDS, we_offered=False, value=VERSION) is None
    assert alice.phrase is None
    assert alice.begin(ENDS, we_offered=True, value=value) is not None


def test_a_number_that_was_not_committed_to_is_refused_and_stays_refused() -> None:
    alice = PhraseExchange(numbers("alice"))
    mallory, other = PhraseExchange(numbers("mallory")), PhraseExchange(numbers("other"))
    first = alice.begin(ENDS, we_offered=True, value=mallory.answer_value(ENDS))
    assert first is not None
    # Another number than the one that the answer is bound to: what a search would end with.
    other.answer_value(ENDS)
    other.begin(ENDS, we_offered=False, value=VERSION)
    forged = other.receive(first)
    assert forged is not None
    with pytest.raises(PhraseError, match="looks for a phrase that agrees"):
        alice.receive(forged)
    with pytest.raises(PhraseError, match="looks for a phrase that agrees"):
        _ = alice.phrase


def test_a_second_number_of_the_offerer_changes_nothing() -> None:
    alice, bob = PhraseExchange(numbers("alice")), PhraseExchange(numbers("bob"))
    exchanged(alice, bob, ENDS)
    before = bob.phrase
    again = PhraseExchange(numbers("again"))
    forged = again.begin(ENDS, we_offered=True, value=f"{VERSION} anything")
    assert forged is not None
    assert bob.receive(forged) is None
    assert bob.phrase == before


def test_a_number_serves_once() -> None:
    bob = PhraseExchange(numbers("bob"))
    alice = PhraseExchange(numbers("alice"))
    first = bob.answer_value(ENDS)
    assert bob.answer_value(ENDS) == first
    exchanged(alice, bob, ENDS)
    assert bob.answer_value(ENDS) != first


def test_a_peer_that_takes_no_part_is_named() -> None:
    alice, bob = PhraseExchange(numbers("alice")), PhraseExchange(numbers("bob"))
    assert alice.begin(ENDS, we_offered=True, value=None) is None
    assert bob.begin(ENDS, we_offered=False, value=None) is None
    for end in (alice, bob):
        with pytest.raises(PhraseError, match="takes no part"):
            _ = end.phrase


@pytest.mark.parametrize("message", ["", "a", "a b", "x" * 65, "id " + "A" * 42 + "==", "é é"])
def test_a_malformed_message_is_refused(message: str) -> None:
    with pytest.raises(PhraseError, match="32 bytes in base64"):
        PhraseExchange(numbers("alice")).receive(message)


@given(st.text(max_size=80))
def test_no_message_raises_anything_else_or_is_kept_beyond_one(message: str) -> None:
    exchange = PhraseExchange(numbers("alice"))
    for _ in range(3):
        try:
            exchange.receive(message)
        except PhraseError:
            continue
    assert exchange.phrase is None


def test_one_who_sits_in_the_middle_gets_two_phrases_that_differ() -> None:
    for seed in range(100):
        alice, bob = (PhraseExchange(numbers(f"{name} {seed}")) for name in ("alice", "bob"))
        left, right = (PhraseExchange(numbers(f"{name} {seed}")) for name in ("left", "right"))
        exchanged(alice, left, PhraseEnds(offerer=ALICE, answerer=MALLORY))
        exchanged(right, bob, PhraseEnds(offerer=MALLORY, answerer=BOB))
        assert alice.phrase != bob.phrase


def test_of_all_numbers_that_one_in_the_middle_can_try_only_the_committed_one_is_taken() -> None:
    """When Alice says her number, certificate and number of who answers her are fixed.

    A search can begin then, and not before: each other number that it could find is refused.
    """
    mallory = PhraseExchange(numbers("mallory"))
    value = mallory.answer_value(ENDS)
    mallory.begin(ENDS, we_offered=False, value=VERSION)
    first = PhraseExchange(numbers("alice")).begin(ENDS, we_offered=True, value=value)
    assert first is not None
    honest = mallory.receive(first)
    assert honest is not None
    for tried in range(1000):
        alice = PhraseExchange(numbers("alice"))
        assert alice.begin(ENDS, we_offered=True, value=value) == first
        found = base64.b64encode(hashlib.sha256(f"try {tried}".encode()).digest()).decode()
        with pytest.raises(PhraseError):
            alice.receive(f"{honest.partition(' ')[0]} {found}")
    alice = PhraseExchange(numbers("alice"))
    alice.begin(ENDS, we_offered=True, value=value)
    alice.receive(honest)
    assert alice.phrase == mallory.phrase
