"""Parses the URLs of STUN and TURN servers (RFC 7064 section 3.1, RFC 7065 section 3.1). PURE."""

from __future__ import annotations

import re

from peer.errors import ConfigurationError
from peer.values import dataclass

# RFC 7065 section 3.1: transport-ext is any run of unreserved characters. Letter case does not
# matter in a scheme (RFC 3986 section 3.1), nor in a literal of an ABNF (RFC 5234 section 2.3).
_URL = re.compile(
    r"(?P<scheme>stun|stuns|turn|turns):"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:?/@\[\]#\\\s]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:\?transport=(?P<transport>[A-Za-z0-9._~-]{1,32}))?",
    re.IGNORECASE,
)
#: Beginnings of a URL that is one of these at all.
_SCHEMES = ("stun:", "stuns:", "turn:", "turns:")


@dataclass(frozen=True, slots=True)
class IceServerUrl:
    """One URL of a STUN or TURN server, by its parts.

    Args:
        scheme: `stun`, `stuns`, `turn` or `turns`.
        host: A host name or an IP address, without brackets.
        port: Its port, that of the scheme where the URL has none.
        transport: The transport that a TURN server is reached by, in lower case; empty where the
            URL has none.
    """

    scheme: str
    host: str
    port: int
    transport: str

    @classmethod
    def parse(cls, url: str) -> IceServerUrl:
        """Parse the URL of one STUN or TURN server.

        Raises:
            ConfigurationError: The URL is malformed.
        """
        if not url.lower().startswith(_SCHEMES):
            raise ConfigurationError(
                f"an ICE server URL starts with stun:, turn: or turns:, not {url!r}"
            )
        match = _URL.fullmatch(url)
        if match is None:
            raise ConfigurationError(f"{url!r} is not a STUN or TURN URL (RFC 7064, RFC 7065)")
        scheme, transport = match["scheme"].lower(), (match["transport"] or "").lower()
        port = int(match["port"] or (5349 if scheme in ("stuns", "turns") else 3478))
        if not 0 < port < 65536:
            raise ConfigurationError(f"the port of {url!r} is not from 1 to 65535")
        # RFC 7064 section 3.1 knows no transport in a `stun:` URL.
        if transport and scheme in ("stun", "stuns"):
            raise ConfigurationError(f"a {scheme}: URL has no transport: {url!r}")
        return cls(scheme, match["host"].strip("[]"), port, transport)
