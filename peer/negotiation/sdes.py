"""SRTP keys by offer and answer (SDES, RFC 4568): one for each direction, of one suite. PURE.

An offer has a key for each suite, an answer one, of the suite whose tag it repeats. A key that is
told again is the same one: nothing begins anew, and no packet is lost. A new key of either end
begins a new cryptographic context (RFC 4568 section 7.1.4).
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from peer.errors import DescriptionError
from peer.negotiation.sdp.crypto import Crypto, usable
from peer.srtp_keys import SrtpMasterKey, SrtpMasterKeys
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from peer.negotiation.sdp.description import MediaSection, Sdp
    from peer.negotiation.sdp.lines import Line
    from peer.srtp_keys import CryptoSuite


@dataclass(frozen=True, slots=True, kw_only=True)
class SdesTerms:
    """Keys of one transport as descriptions speak of them. `repr` shows none of them.

    Args:
        ours: What our last description has: a key for each suite of an offer, or one of an answer.
        keys: The keys on which offer and answer agree; None until they do.
    """

    ours: tuple[Crypto, ...]
    keys: SrtpMasterKeys | None = field(default=None)

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of our description."""
        return tuple(each.line for each in self.ours)


def offered_terms(
    suites: Sequence[CryptoSuite], random: Callable[[int], bytes], known: SdesTerms | None = None
) -> SdesTerms:
    """Make the keys of an offer of ours.

    Args:
        suites: The suites, the preferred one first.
        random: `random(n)` gives n random bytes.
        known: The terms in force; the key in use is offered again, before the others.
    """
    keys = None if known is None else known.keys
    if keys is None:
        return SdesTerms(ours=Crypto.generate(suites, random))
    others = [suite for suite in suites if suite is not keys.ours.suite]
    again = Crypto(tag=1, key=keys.ours)
    return SdesTerms(ours=(again, *Crypto.generate(others, random, first_tag=2)), keys=keys)


def answered_terms(
    chosen: Crypto,
    random: Callable[[int], bytes],
    known: SdesTerms | None = None,
    *,
    is_new_peer: bool = False,
) -> SdesTerms:
    """Make the key of an answer of ours.

    Args:
        chosen: What is taken of the offer.
        random: `random(n)` gives n random bytes.
        known: The terms in force; our key stays where the suite does.
        is_new_peer: Another end has come into the place of the former one: it does not know how
            often our sequence numbers have wrapped, so that our key is a new one.
    """
    keys = None if known is None else known.keys
    suite = chosen.key.suite
    if keys is not None and keys.ours.suite is suite and not is_new_peer:
        return SdesTerms(ours=(Crypto(tag=chosen.tag, key=keys.ours),), keys=keys)
    made = SrtpMasterKey(suite=suite, material=random(suite.key_size))
    return SdesTerms(ours=(Crypto(tag=chosen.tag, key=made),), keys=keys)


def agreed_terms(
    now: SdesTerms, theirs: Sequence[Crypto], *, offered_by_us: bool, mid: str
) -> SdesTerms:
    """Agree on a key for each direction.

    Args:
        now: The terms as our half speaks of them.
        theirs: What can be used of the peer's half.
        offered_by_us: Whether its half is the answer.
        mid: For the error.

    Raises:
        DescriptionError: The answer takes none of the keys offered (RFC 4568 section 5.1.3).
    """
    for ours in now.ours:
        for each in theirs:
            if (each.tag, each.key.suite) == (ours.tag, ours.key.suite):
                return replace(now, keys=SrtpMasterKeys(ours=ours.key, theirs=each.key))
    half = "the answer" if offered_by_us else "the offer"
    raise DescriptionError(
        f"{half} has no a=crypto of the tag and the crypto suite of ours", mid=mid
    )


def cryptos_of(sdp: Sdp, section: MediaSection) -> tuple[Crypto, ...]:
    """List what can be used of the `a=crypto` that hold for an m-section."""
    return tuple(usable(sdp.transport_crypto(section)))


def chosen_crypto(
    sdp: Sdp, section: MediaSection, suites: Collection[CryptoSuite]
) -> Crypto | None:
    """Choose of an offer the first that we take (RFC 4568 section 5.1.2: by its preference)."""
    return next((each for each in cryptos_of(sdp, section) if each.key.suite in suites), None)


def lacks_usable_crypto(
    sdp: Sdp, section: MediaSection, suites: Collection[CryptoSuite]
) -> str | None:
    """Say why no `a=crypto` of an m-section can be used; None where one can."""
    if chosen_crypto(sdp, section, suites) is not None:
        return None
    for line in sdp.transport_crypto(section):
        try:
            Crypto.parse(line.argument)
        except ValueError as error:
            return str(error)
    return "a=crypto is of no crypto suite that is accepted"
