"""Validates and generates ICE username fragments and passwords (RFC 8839 section 5.4). PURE."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 8839 section 5.4 allows letters, digits, `+` and `/`. Servers in the field also write `-`,
# `_`, `=` and `#`, and libwebrtc takes them.
ICE_UFRAG = re.compile(r"[A-Za-z0-9+/=#_-]{4,256}")
ICE_PWD = re.compile(r"[A-Za-z0-9+/=#_-]{22,256}")


@dataclass(frozen=True, slots=True)
class IceParameters:
    """The ICE credentials of one generation of one end. `repr` does not show the password.

    Args:
        username_fragment: 4 to 256 characters.
        password: 22 to 256 characters.
        lite: Whether that end is an ICE-lite implementation.

    Raises:
        ValueError: A value is not of that form.
    """

    username_fragment: str
    password: str = field(repr=False)
    lite: bool = False

    def __post_init__(self) -> None:
        if not ICE_UFRAG.fullmatch(self.username_fragment):
            raise ValueError("ice-ufrag is 4 to 256 letters, digits, `+` or `/`")
        if not ICE_PWD.fullmatch(self.password):
            raise ValueError("ice-pwd is 22 to 256 letters, digits, `+` or `/`")

    @classmethod
    def generate(cls, random: Callable[[int], bytes] = secrets.token_bytes) -> IceParameters:
        """Generate credentials of 24 and 144 random bits (RFC 8445 section 5.3: 24 and 128).

        Args:
            random: Returns so many random bytes.
        """
        return cls(
            username_fragment=base64.b64encode(random(3)).decode(),
            password=base64.b64encode(random(18)).decode(),
        )
