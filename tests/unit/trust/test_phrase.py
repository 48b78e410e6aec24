"""A phrase is the same at both ends, and says the same in words, digits and emoji."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.errors import ConfigurationError, PhraseError
from peer.identity.certificate import Certificate
from peer.trust.emoji import EMOJI
from peer.trust.phrase import (
    PHRASE_BITS,
    Phrase,
    PhraseEnds,
    check_commitment,
    commitment,
    phrase_of,
    word_list,
)

ALICE, BOB, MALLORY = (frozenset({Certificate.generate().fingerprint()}) for _ in range(3))
NUMBER, OTHER = b"n" * 32, b"o" * 32
VALUES = st.integers(min_value=0, max_value=2**PHRASE_BITS - 1)


def test_the_phrase_is_the_same_whoever_offers() -> None:
    one = phrase_of(PhraseEnds(offerer=ALICE, answerer=BOB), offerer=NUMBER, answerer=OTHER)
    other = phrase_of(PhraseEnds(offerer=BOB, answerer=ALICE), offerer=OTHER, answerer=NUMBER)
    assert one == other


def test_another_certificate_or_another_number_gives_another_phrase() -> None:
    ends = PhraseEnds(offerer=ALICE, answerer=BOB)
    phrases = {
        phrase_of(ends, offerer=NUMBER, answerer=OTHER),
        phrase_of(ends, offerer=OTHER, answerer=NUMBER),
        phrase_of(ends, offerer=NUMBER, answerer=NUMBER),
        phrase_of(PhraseEnds(offerer=ALICE, answerer=MALLORY), offerer=NUMBER, answerer=OTHER),
        phrase_of(PhraseEnds(offerer=MALLORY, answerer=BOB), offerer=NUMBER, answerer=OTHER),
    }
    assert len(phrases) == 5


@given(VALUES)
def test_words_digits_and_emoji_hold_all_bits(value: int) -> None:
    phrase = Phrase(value)
    words, symbols = word_list(), [each.symbol for each in EMOJI]
    read = 0
    for word in phrase.words():
        read = read << 11 | words.index(word)
    assert read == value
    read = 0
    for symbol in phrase.emoji:
        read = read << 6 | symbols.index(symbol)
    assert read == value
    assert int(phrase.digits.replace(" ", "")) == value
    assert (len(phrase.words()), len(phrase.emoji), len(phrase.digits)) == (6, 11, 23)


def test_a_phrase_has_at_least_66_bits() -> None:
    assert PHRASE_BITS >= 66
    assert math.log2(len(word_list())) * 6 >= 66
    assert len({each.symbol for each in EMOJI}) == len({each.name for each in EMOJI}) == 64


def test_words_are_there_in_other_languages_and_an_unknown_one_is_named() -> None:
    assert Phrase(0).words("spanish")[0] == "ábaco"
    with pytest.raises(ConfigurationError, match="not in 'klingon'"):
        Phrase(0).words("klingon")


def test_emoji_have_names_for_a_screen_reader() -> None:
    assert Phrase(0).emoji_names == ("dog",) * 11


def test_the_commitment_binds_both_fingerprints_and_the_number() -> None:
    ends = PhraseEnds(offerer=ALICE, answerer=BOB)
    committed = commitment(ends, NUMBER)
    check_commitment(ends, committed, NUMBER)
    for other, number in (
        (PhraseEnds(offerer=MALLORY, answerer=BOB), NUMBER),
        (PhraseEnds(offerer=ALICE, answerer=MALLORY), NUMBER),
        (PhraseEnds(offerer=BOB, answerer=ALICE), NUMBER),
        (ends, OTHER),
    ):
        with pytest.raises(PhraseError, match="looks for a phrase that agrees"):
            check_commitment(other, committed, number)
