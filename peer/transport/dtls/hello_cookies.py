"""Makes the cookies of HelloVerifyRequests without keeping anything of a client. PURE.

RFC 6347 section 4.2.1: the cookie is a MAC of the client's address and of what its ClientHello
says. So a ClientHello from anywhere costs nothing but its answer, which is smaller, and one that
shows the cookie has come from where it says, as only there the answer can be read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final

from peer.transport.dtls.new_client import COOKIE_SIZE

if TYPE_CHECKING:
    from peer.transport.dtls.record_filter import ClientHello

#: Size of the secret in bytes (ours): that of the hash, as RFC 2104 section 3 recommends.
_SECRET_SIZE: Final = 32


class HelloCookies:
    """Cookies for the clients of one transport.

    Args:
        secret: Key of the cookies.
    """

    def __init__(self, secret: bytes | None = None) -> None:
        self._secret = secret or secrets.token_bytes(_SECRET_SIZE)

    def __repr__(self) -> str:
        return "<HelloCookies>"

    def cookie(self, hello: ClientHello, source: tuple[str, int]) -> bytes:
        """Make the cookie of a client.

        Args:
            hello: The beginning of its ClientHello; both of its ClientHellos have one random.
            source: The address that it came from.
        """
        text = hello.random + f"{source[0]} {source[1]}".encode()
        return hmac.digest(self._secret, text, hashlib.sha256)[:COOKIE_SIZE]

    def is_shown(self, hello: ClientHello, source: tuple[str, int]) -> bool:
        """Tell whether a ClientHello shows the cookie that was sent to its source."""
        return secrets.compare_digest(hello.cookie, self.cookie(hello, source))

    def renew(self) -> None:
        """Take no cookie again that was made so far: its ClientHello may be replayed."""
        self._secret = secrets.token_bytes(_SECRET_SIZE)
