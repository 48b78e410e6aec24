"""Owns the ICE username fragment and password as a value (RFC 8839 section 5.4)."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 8839 section 5.4 allows letters, digits, `+` and `/`. Servers in the field also write `-`,
# `_`, `=` and `#`, and libwebrtc takes them.
ICE_UFRAG = re.compile(r"[A-Za-z0-9+/=#_-]{4,256}")
ICE_PWD = re.compile(r"[A-Za-z0-9+/=#_-]{22,256}")


@dataclass(frozen=True, slots=True)
class IceParameters:
    """One ICE generation of one side.

    Args:
        username_fragment: 4 to 256 characters.
        password: 22 to 256 characters.
        lite: Whether that side is an ICE-lite implementation.

    Raises:
        ValueError: A value is not of that form.
    """

    username_fragment: str
    password: str
    lite: bool = False

    def __post_init__(self) -> None:
        if not ICE_UFRAG.fullmatch(self.username_fragment):
            raise ValueError("ice-ufrag is 4 to 256 letters, digits, `+` or `/`")
        if not ICE_PWD.fullmatch(self.password):
            raise ValueError("ice-pwd is 22 to 256 letters, digits, `+` or `/`")

    @classmethod
    def generate(cls, random: Callable[[int], bytes] = secrets.token_bytes) -> IceParameters:
        """Make fresh values: 24 and 144 random bits (RFC 8445 section 5.3 asks for 24 and 128)."""
        return cls(
            username_fragment=base64.b64encode(random(3)).decode(),
            password=base64.b64encode(random(18)).decode(),
        )
