"""The attribute `a=crypto`, by which a description carries an SRTP key (RFC 4568). PURE."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

from peer.negotiation.sdp.lines import Line, words
from peer.srtp_keys import CryptoSuite, SrtpMasterKey
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_METHOD: Final = "inline:"
#: Longest tag, in digits (RFC 4568 section 9.1: 1 to 9).
_TAG: Final = re.compile(r"[0-9]{1,9}")
#: Packets that a key may protect at most (RFC 3711 section 9.2).
_MAX_LIFETIME: Final = 1 << 48
_LIFETIME: Final = re.compile(r"2\^[0-9]{1,2}|[1-9][0-9]{0,14}")
#: Longest master key identifier, in bytes (RFC 4568 section 6.1).
_MAX_MKI: Final = 128
#: Session parameters that change nothing of what we do: a hint of how many packets may come out of
#: order (RFC 4568 section 6.3.6), of which we take 1,024 always.
_PASSED_OVER: Final = "WSH="


@dataclass(frozen=True, slots=True, kw_only=True)
class Crypto:
    """One `a=crypto` that can be used. `repr` shows nothing of its key.

    Args:
        tag: By which the answer says which of the offered ones it has taken.
        key: The key that the end of the description sends with.
    """

    tag: int
    key: SrtpMasterKey

    @classmethod
    def parse(cls, text: str) -> Crypto:
        """Read the value of an `a=crypto`.

        Raises:
            ValueError: It is malformed, or of a suite or with parameters that we do not know; the
                sentence says nothing of the key.
        """
        match words(text):
            case [tag, suite, keys, *parameters] if _TAG.fullmatch(tag):
                known = next((each for each in CryptoSuite if each == suite), None)
                if known is None:
                    raise ValueError("a=crypto is of a crypto suite that is not known")
                _check_parameters(parameters)
                return cls(tag=int(tag), key=_master_key(known, keys))
            case _:
                raise ValueError("a=crypto is a tag, a crypto suite and a key")

    @classmethod
    def generate(
        cls, suites: Iterable[CryptoSuite], random: Callable[[int], bytes], *, first_tag: int = 1
    ) -> tuple[Crypto, ...]:
        """Make one of each suite, with a fresh key (RFC 4568 section 5.1: tags begin anywhere).

        Args:
            suites: The suites, the preferred one first.
            random: `random(n)` gives n random bytes.
            first_tag: Tag of the first one.
        """
        return tuple(
            cls(tag=tag, key=SrtpMasterKey(suite=suite, material=random(suite.key_size)))
            for tag, suite in enumerate(suites, first_tag)
        )

    @property
    def line(self) -> Line:
        """The line of a description."""
        material = base64.b64encode(self.key.material).decode()
        return Line.attribute("crypto", f"{self.tag} {self.key.suite.value} {_METHOD}{material}")


def usable(lines: Iterable[Line]) -> Iterator[Crypto]:
    """Read those of several `a=crypto` that can be used; others are no fault (RFC 4568 5.1.2)."""
    for line in lines:
        try:
            yield Crypto.parse(line.argument)
        except ValueError:
            continue


def _check_parameters(parameters: Iterable[str]) -> None:
    """Check that nothing is asked for that we do not do, such as RTP without encryption.

    Raises:
        ValueError: Something is: RFC 4568 section 6.3.7 has the whole attribute declined then.
    """
    for each in parameters:
        # A parameter that begins with `-` may be passed over (RFC 4568 section 6.3.7).
        if not each.startswith(("-", _PASSED_OVER)):
            raise ValueError("a=crypto has a session parameter that is not supported")


def _master_key(suite: CryptoSuite, text: str) -> SrtpMasterKey:
    """Read `inline:` key, lifetime and MKI (RFC 4568 section 6.1).

    Raises:
        ValueError: It is malformed, or there are several keys for one direction.
    """
    if ";" in text:
        raise ValueError("a=crypto has several keys for one direction")
    if text[: len(_METHOD)].lower() != _METHOD:
        raise ValueError("a=crypto has no inline: key")
    key, *others = text[len(_METHOD) :].split("|")
    lifetime, mki = None, b""
    if others and ":" not in others[0]:
        lifetime = _lifetime(others.pop(0))
    if others:
        mki = _identifier(others.pop(0))
    if others:
        raise ValueError("a=crypto has more than a key, a lifetime and an MKI")
    return SrtpMasterKey(suite=suite, material=_material(key), mki=mki, lifetime=lifetime)


def _material(text: str) -> bytes:
    try:
        # Some leave out the padding (RFC 4568 section 6.1 wants it).
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("the key of a=crypto is no base64") from None


def _lifetime(text: str) -> int:
    power = text.startswith("2^")
    if not _LIFETIME.fullmatch(text):
        raise ValueError("the lifetime of a=crypto is a number of packets, or a power of 2")
    packets: int = 1 << int(text[2:]) if power else int(text)
    if not 0 < packets <= _MAX_LIFETIME:
        raise ValueError("the lifetime of a=crypto is 1 to 2^48 packets")
    return packets


def _identifier(text: str) -> bytes:
    value, _, size = text.partition(":")
    # As many digits as 128 bytes have, at most.
    if not (_is_number(value, digits=309) and _is_number(size, digits=3)):
        raise ValueError("the MKI of a=crypto is a number and its length")
    length, number = int(size), int(value)
    if not 0 < length <= _MAX_MKI or number >= 1 << (8 * length):
        raise ValueError("the MKI of a=crypto does not fit its length, of 1 to 128 bytes")
    return number.to_bytes(length)


def _is_number(text: str, *, digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits
