"""Exchanges the random numbers of a phrase, one exchange for each pair of certificates. PURE.

The rules stand in `phrase.py`. An answer carries the commitment, so each end sends one message more
after it, bound to both fingerprints by an id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.errors import PhraseError
from peer.trust.phrase import NUMBER_SIZE, PhraseEnds, check_commitment, commitment, phrase_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.identity.fingerprints import Fingerprint
    from peer.trust.phrase import Phrase

#: Attribute of our descriptions: in an offer it asks for a phrase, in an answer it has the
#: commitment. Others pass it over (RFC 8866 section 5.13).
ATTRIBUTE = "handfast-phrase"
#: Value in an offer, and the first word in an answer: the version of the exchange.
VERSION = "1"
#: Largest message, in characters (ours): an id of 16 and a number of 44.
_MAX_MESSAGE = 64


@dataclass(slots=True)
class _Exchange:
    """The numbers of one pair of certificates, as far as they are known."""

    ends: PhraseEnds
    we_offered: bool
    ours: bytes
    committed: str | None = None
    phrase: Phrase | None = None
    error: PhraseError | None = None

    @property
    def id(self) -> str:
        digest = hashlib.sha256("\0".join(self.ends.texts).encode()).digest()
        return base64.urlsafe_b64encode(digest[:12]).decode()

    def is_continued_by(self, ends: PhraseEnds, committed: str) -> bool:
        """Tell whether an answer to an offer of ours is that of this exchange, once more."""
        return (
            self.we_offered
            and self.error is None
            and self.phrase is None
            and (self.ends, self.committed) == (ends, committed)
        )

    def is_crossed_by(self, answering: _Exchange) -> bool:
        """Tell whether the peer offers while its number for an offer of ours is under way."""
        return (
            self.we_offered
            and self.error is None
            and self.phrase is None
            and self.ends.pair == answering.ends.pair
        )


class PhraseExchange:
    """Makes the phrase of the certificates in use, and a new one after each rekey.

    Args:
        random: `random(n)` gives n random bytes.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._answering: _Exchange | None = None
        self._current: _Exchange | None = None
        #: One that we offered, whose answerer offered with the same certificates before its end.
        self._crossed: _Exchange | None = None
        #: A message that came before the answer was applied here.
        self._early = ""

    def __repr__(self) -> str:
        current = self._current
        state = "none" if current is None else "done" if current.phrase else "under way"
        return f"<PhraseExchange {state}>"

    @property
    def phrase(self) -> Phrase | None:
        """The phrase of the certificates in use, once it is known.

        Raises:
            PhraseError: There will be none: the peer takes no part, or not honestly.
        """
        current = self._current
        if current is None:
            return None
        if current.error is not None:
            raise current.error.with_traceback(None)
        return current.phrase

    @property
    def theirs(self) -> frozenset[Fingerprint]:
        """The peer's fingerprints that the phrase is made of; none before there is an answer."""
        current = self._current
        if current is None:
            return frozenset()
        return current.ends.answerer if current.we_offered else current.ends.offerer

    def answer_value(self, ends: PhraseEnds) -> str:
        """Return the value of our attribute in an answer, with our commitment.

        Args:
            ends: The fingerprints of the offer and of this answer.
        """
        answering = self._answering
        if answering is None or answering.ends != ends or answering.phrase is not None:
            # A number serves once: who has seen it could choose its own by it.
            answering = _Exchange(ends, we_offered=False, ours=self._random(NUMBER_SIZE))
            self._answering = answering
        return f"{VERSION} {commitment(ends, answering.ours)}"

    def begin(self, ends: PhraseEnds, *, we_offered: bool, value: str | None) -> str | None:
        """Go on with the certificates of an offer and its answer, which are in force now.

        Args:
            ends: Their fingerprints.
            we_offered: Whether the answer is the peer's.
            value: Value of the attribute in the peer's description; None where it has none.

        Returns:
            The message to send now, or None.
        """
        current = self._current
        if current is not None and current.ends.pair == ends.pair and current.phrase is not None:
            return None
        self._crossed = None
        version, _, committed = (value or "").partition(" ")
        if version != VERSION or (we_offered and not committed):
            self._current = following = _Exchange(ends, we_offered=we_offered, ours=b"")
            following.error = PhraseError("the peer takes no part in a phrase")
            return None
        if not we_offered:
            answering = self._answering
            if answering is None or answering.ends != ends:
                return None
            if current is not None and current.is_crossed_by(answering):
                self._crossed = current
            self._current = answering
            return self._take_early()
        if current is not None and current.is_continued_by(ends, committed):
            # A second number against one commitment: the ends would differ on which was first.
            return None
        self._current = following = _Exchange(
            ends, we_offered=True, ours=self._random(NUMBER_SIZE), committed=committed
        )
        return _message(following)

    def receive(self, message: str) -> str | None:
        """Take a message of the peer.

        Returns:
            The message to send now, or None.

        Raises:
            PhraseError: It is malformed, or the peer's number is not what it was committed to.
        """
        name, number = _parse(message)
        if self._crossed is not None and self._crossed.id == name:
            # The peer said this before it had the answer that we gave meanwhile: it ends there too.
            self._current, self._crossed = self._crossed, None
        current = self._current
        if current is None or current.id != name:
            # Of an answer that is still to be applied here, or of certificates that have gone.
            self._early = message
            return None
        if current.phrase is not None or current.error is not None:
            return None
        if current.we_offered:
            try:
                check_commitment(current.ends, current.committed or "", number)
            except PhraseError as error:
                current.error = error
                raise
            current.phrase = phrase_of(current.ends, offerer=current.ours, answerer=number)
            return None
        current.phrase = phrase_of(current.ends, offerer=number, answerer=current.ours)
        return _message(current)

    def _take_early(self) -> str | None:
        early, self._early = self._early, ""
        return self.receive(early) if early else None


def _message(exchange: _Exchange) -> str:
    return f"{exchange.id} {base64.b64encode(exchange.ours).decode()}"


def _parse(message: str) -> tuple[str, bytes]:
    name, _, text = message.partition(" ")
    try:
        if len(message) > _MAX_MESSAGE:
            raise ValueError
        number = base64.b64decode(text, validate=True)
        if len(number) != NUMBER_SIZE:
            raise ValueError
    except (binascii.Error, ValueError) as error:
        raise PhraseError("a message for a phrase is an id and 32 bytes in base64") from error
    return name, number
