"""Short-lived TURN credentials, worked out from a secret that the server shares with TURN."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import field
from typing import TYPE_CHECKING, Final

from peer.configuration import IceServer
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds for which a credential is valid by default (ours): a day's work, and not a week's.
_LIFETIME: Final = 12 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSecret:
    """A TURN server whose credentials run out (coturn's `use-auth-secret`).

    The scheme is draft-uberti-behave-turn-rest-00: the user name is the Unix time at which it runs
    out with a name behind it, the credential an HMAC-SHA1 of it. coturn looks at the time when a
    client asks for a relay, so that one that is in use outlives its credential.

    Args:
        urls: `turn:` or `turns:` URLs.
        secret: coturn's `static-auth-secret`; `repr` does not show it.
        lifetime: Seconds for which a credential is valid.

    Raises:
        ValueError: `secret` is empty, or `lifetime` is not more than 0.
        ConfigurationError: A URL is none of TURN.
    """

    urls: str | Sequence[str]
    secret: str = field(repr=False)
    lifetime: float = _LIFETIME

    def __post_init__(self) -> None:
        if not self.secret:
            raise ValueError("the secret of a TURN server is not empty")
        if not self.lifetime > 0:
            raise ValueError("the lifetime of a TURN credential is more than 0 seconds")
        self.server_for("somebody", now=0.0)

    def server_for(self, user: str, *, now: float) -> IceServer:
        """Give the TURN server with a credential for one user.

        Args:
            user: A name for TURN's log; no two seats of a room have the same.
            now: Unix time in seconds.
        """
        username = f"{int(now + self.lifetime)}:{user}"
        digest = hmac.digest(self.secret.encode(), username.encode(), hashlib.sha1)
        return IceServer(self.urls, username=username, credential=base64.b64encode(digest).decode())
