"""Decides which pages may open a WebSocket to the room server, by Origin and Host. PURE."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from peer.values import assign, dataclass


def host_name(host: str) -> str | None:
    """Return the name or address in a Host header, in lower case; None where it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def is_own_address(name: str) -> bool:
    """Return True for `localhost` and for IP addresses, at which no page of elsewhere can be.

    A page reaches a server of another name only where that name was rebound to its address after
    the page was loaded; an address cannot be rebound.
    """
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginPolicy:
    """The pages that may connect.

    Args:
        origins: Origins of other servers' pages, such as `"https://example.org"`; `"*"` for all.
        hosts: Names of this server, under which its own pages reach it. `localhost` and IP
            addresses need not be named.
    """

    origins: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        assign(self, "hosts", frozenset(host.lower() for host in self.hosts))

    def knows_host(self, host: str) -> bool:
        """Return True where a Host header names this server."""
        name = host_name(host)
        return name is not None and (name in self.hosts or is_own_address(name))

    def refusal(self, *, origin: str | None, host: str) -> str | None:
        """Say in a sentence why a WebSocket is refused; None where it may connect.

        Args:
            origin: The Origin header; None where there is none, as in all programs that are no
                browser.
            host: The Host header.
        """
        if origin is None or "*" in self.origins or origin in self.origins:
            return None
        try:
            own = urlsplit(origin).netloc == host
        except ValueError:
            return f"the origin {origin!r} is malformed"
        if not own:
            return f"pages of {origin!r} are not among `origins`"
        if not self.knows_host(host):
            # A page of a name that was rebound to our address calls that name ours.
            return f"{host!r} is not among `hosts`"
        return None
