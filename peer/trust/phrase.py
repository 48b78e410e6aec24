"""A short phrase that is the same at both ends unless somebody is in the middle. PURE.

RFC 5763 section 8.5. It is made of both fingerprints and of a random number from each end; the one
who answers commits itself to its number before it sees the other's (as ZRTP does, RFC 6189 section
4.4.1.1), so that nobody can try certificates or numbers until two phrases agree::

    answer       commitment = SHA-256(context, both fingerprints, number of the answerer)
    offerer  ->  its number
    answerer ->  its number, which the offerer compares with the commitment

A fingerprint and the commitment are fixed by the descriptions, so before either number is known.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import unicodedata
from typing import TYPE_CHECKING

from peer.errors import ConfigurationError, PhraseError
from peer.trust.emoji import EMOJI
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.identity.fingerprints import Fingerprint

#: Size of a random number, in bytes.
NUMBER_SIZE = 32
#: Bits of a phrase: six words of 11 bits each. RFC 5763 section 8.5 leaves the number open.
PHRASE_BITS = 66
_WORD_BITS, _EMOJI_BITS = 11, 6
#: Digits for as many bits: 10**20 is more than 2**66.
_DIGITS, _DIGITS_IN_A_GROUP = 20, 5
_COMMITMENT, _PHRASE = b"handfast commitment 1", b"handfast phrase 1"


@dataclass(frozen=True, slots=True)
class Phrase:
    """66 bits for two people to compare, as words, digits or emoji; `str` gives English words.

    Args:
        value: The bits, as a number.
    """

    value: int

    def words(self, language: str = "english") -> tuple[str, ...]:
        """Return six words of the list of 2,048 that BIP-39 publishes for a language.

        Args:
            language: As the package `mnemonic` names it, such as "english" or "spanish".

        Raises:
            ConfigurationError: There is no list for the language, or `mnemonic` is missing.
        """
        words = word_list(language)
        return tuple(words[index] for index in _split(self.value, bits=_WORD_BITS))

    @property
    def digits(self) -> str:
        """Twenty decimal digits, in groups of five."""
        text = f"{self.value:0{_DIGITS}d}"
        groups = range(0, _DIGITS, _DIGITS_IN_A_GROUP)
        return " ".join(text[start : start + _DIGITS_IN_A_GROUP] for start in groups)

    @property
    def emoji(self) -> tuple[str, ...]:
        """Eleven emoji, of 64 that are told apart at sight."""
        return tuple(EMOJI[index].symbol for index in _split(self.value, bits=_EMOJI_BITS))

    @property
    def emoji_names(self) -> tuple[str, ...]:
        """The English names of the emoji, for a screen reader."""
        return tuple(EMOJI[index].name for index in _split(self.value, bits=_EMOJI_BITS))

    def __str__(self) -> str:
        return " ".join(self.words())


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseEnds:
    """The fingerprints of the two ends of a connection, as their descriptions signal them."""

    offerer: frozenset[Fingerprint]
    answerer: frozenset[Fingerprint]

    @property
    def texts(self) -> tuple[str, str]:
        """Fingerprints of the offerer and of the answerer, each set as one text."""
        offerer, answerer = (
            " ".join(sorted(map(str, end))) for end in (self.offerer, self.answerer)
        )
        return offerer, answerer

    @property
    def pair(self) -> frozenset[frozenset[Fingerprint]]:
        """Both sets, without telling the offerer's from the answerer's."""
        return frozenset((self.offerer, self.answerer))


def commitment(ends: PhraseEnds, number: bytes) -> str:
    """Return the answerer's commitment to its number, in base64.

    Args:
        ends: Both fingerprints.
        number: The answerer's random number.
    """
    digest = _hash(_COMMITMENT, *ends.texts, number)
    return base64.b64encode(digest).decode()


def phrase_of(ends: PhraseEnds, *, offerer: bytes, answerer: bytes) -> Phrase:
    """Make the phrase of two ends, the same at both, and the same when the other one offers.

    Args:
        ends: Both fingerprints.
        offerer: Random number of the offerer.
        answerer: That of the answerer.
    """
    sides = sorted(zip(ends.texts, (offerer, answerer), strict=True))
    digest = _hash(_PHRASE, *(part for side in sides for part in side))
    return Phrase(int.from_bytes(digest) >> (len(digest) * 8 - PHRASE_BITS))


def check_commitment(ends: PhraseEnds, committed: str, number: bytes) -> None:
    """Compare the answerer's number with what it was committed to.

    Raises:
        PhraseError: It is another: somebody tries numbers until the phrases agree.
    """
    if not hmac.compare_digest(commitment(ends, number), committed):
        raise PhraseError(
            "the number that the peer reveals is not the one that it was committed to: "
            "somebody in the middle looks for a phrase that agrees"
        )


@functools.lru_cache(maxsize=16)
def word_list(language: str = "english") -> tuple[str, ...]:
    """Return the 2,048 words of a language.

    Raises:
        ConfigurationError: There is no such list, or `mnemonic` is missing.
    """
    try:
        from mnemonic import Mnemonic
    except ImportError as error:
        raise ConfigurationError(
            "words need the package `mnemonic` (pip install 'handfast[phrases]'); "
            "digits and emoji need nothing"
        ) from error
    if language not in Mnemonic.list_languages():
        known = ", ".join(sorted(Mnemonic.list_languages()))
        raise ConfigurationError(f"there are words in {known}, not in {language!r}")
    # The lists are decomposed, for the keys that BIP-39 makes; people read and write composed ones.
    return tuple(unicodedata.normalize("NFC", word) for word in Mnemonic(language).wordlist)


def _split(value: int, *, bits: int) -> list[int]:
    """Cut 66 bits into numbers of so many bits, the most significant first."""
    shifts = range(PHRASE_BITS - bits, -1, -bits)
    return [value >> shift & (1 << bits) - 1 for shift in shifts]


def _hash(*parts: str | bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        # With their lengths, so that no two lists of parts give the same bytes.
        digest.update(len(data).to_bytes(4))
        digest.update(data)
    return digest.digest()
