"""STUN and TURN servers as an application names them. PURE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from peer.configuration.ice_url import IceServerUrl
from peer.errors import ConfigurationError, CredentialsError
from peer.values import assign, dataclass

#: Longest username in bytes of UTF-8 (RFC 8489 section 14.3).
_LONGEST_USERNAME = 509


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server (W3C webrtc-pc section 4.2.2).

    Args:
        urls: `stun:`, `turn:` or `turns:` URLs (RFC 7064, RFC 7065); one or several. What we do not
            speak (`stuns:`, TURN over DTLS) is passed over with an `icecandidateerror`, as long as
            another URL of the configuration can be used.
        username: The user name of TURN, required for `turn:` and `turns:`; at most 509 bytes.
        credential: The password of TURN, required with `username`, and not empty; `repr` does not
            show it.

    Raises:
        ConfigurationError: A URL is none of these, or malformed.
        CredentialsError: The username or the credential is missing, empty or too long.
    """

    urls: str | Sequence[str]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        urls = _urls(self.urls)
        for url in urls:
            # webrtc-pc section 4.4.1.1: the URL is parsed before credentials are looked for.
            if IceServerUrl.parse(url).scheme in ("turn", "turns"):
                self._check_credentials(url)
        assign(self, "urls", urls)

    def _check_credentials(self, url: str) -> None:
        if self.username is None or self.credential is None:
            raise CredentialsError(f"{url!r} needs a username and a credential")
        # webrtc-pc section 4.4.1.1: an empty credential is none.
        if not self.credential:
            raise CredentialsError(f"the credential of {url!r} is empty")
        size = len(self.username.encode(errors="replace"))
        if size > _LONGEST_USERNAME:
            raise CredentialsError(
                f"the username of {url!r} has {size} bytes, and at most {_LONGEST_USERNAME}"
                " are possible"
            )


def _urls(urls: object) -> tuple[str, ...]:
    if isinstance(urls, str):
        return (urls,)
    found = () if isinstance(urls, Mapping) or not isinstance(urls, Iterable) else tuple(urls)
    if found and all(isinstance(url, str) for url in found):
        return found
    raise ConfigurationError("urls of an IceServer is a str, or a sequence of at least one")
