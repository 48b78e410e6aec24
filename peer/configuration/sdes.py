"""Keys of SRTP that signalling carries (SDES, RFC 4568), as an application allows them. PURE."""

from __future__ import annotations

from collections.abc import Sequence

from peer.errors import ConfigurationError
from peer.srtp_keys import CryptoSuite
from peer.values import assign, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdes:
    """Use of SDES with a peer that has no DTLS, such as the trunk of a telephone company.

    Offers have `a=crypto` and no fingerprint; an offer of the peer is answered so where it has no
    fingerprint anywhere. Whoever reads the signalling can listen, and change what is said, so it
    has to be encrypted and authenticated from end to end: a `Phone` of `signaling.sip` vouches for
    that where it speaks TLS, and refuses where it does not.

    Args:
        suites: Crypto suites to offer and accept, the preferred one first.
        signaling_is_protected: The application carries the descriptions itself, and says that
            nobody else can read or change them.

    Raises:
        ConfigurationError: `suites` is empty, or names one twice.
    """

    suites: Sequence[CryptoSuite] = tuple(CryptoSuite)
    signaling_is_protected: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.suites, str) or not self.suites:
            raise ConfigurationError("suites of Sdes is a sequence with at least one element")
        try:
            suites = tuple(CryptoSuite(each) for each in self.suites)
        except ValueError as error:
            choices = ", ".join(repr(each.value) for each in CryptoSuite)
            raise ConfigurationError(f"suites of Sdes is of {choices}: {error}") from None
        if len(set(suites)) < len(suites):
            raise ConfigurationError("suites of Sdes names one of its elements twice")
        protected: object = self.signaling_is_protected
        if not isinstance(protected, bool):
            raise ConfigurationError(
                f"signaling_is_protected of Sdes is True or False, not {protected!r}"
            )
        assign(self, "suites", suites)
