"""Owns the values that give a session description its shape: origin, `m=` lines, groups, roles.

Every `parse` takes the text behind `a=name:` (or `m=`, `o=`) and raises `ValueError` with one
sentence; whoever knows the line turns that into an error that quotes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from peer.negotiation.grammar import MAX_UINT64, number, words


class Direction(StrEnum):
    """Which way media flows, as the side that wrote it sees it (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @classmethod
    def parse(cls, text: str) -> Direction:
        """Read one direction.

        Raises:
            ValueError: It is none of the four.
        """
        try:
            return cls(text)
        except ValueError:
            raise ValueError("a direction is sendrecv, sendonly, recvonly or inactive") from None

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> Direction:
        """The direction that sends and receives so."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE

    @property
    def sends(self) -> bool:
        """Whether the side that says this sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether the side that says this receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def reversed(self) -> Direction:
        """The same, as the other side sees it."""
        return Direction.of(sends=self.receives, receives=self.sends)

    def intersect(self, other: Direction) -> Direction:
        """What both allow; both are seen from the same side."""
        return Direction.of(
            sends=self.sends and other.sends, receives=self.receives and other.receives
        )


class Setup(StrEnum):
    """`a=setup` (RFC 4145 section 4)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"

    @classmethod
    def parse(cls, text: str) -> Setup:
        """Read one role.

        Raises:
            ValueError: It is none of the four.
        """
        try:
            return cls(text)
        except ValueError:
            raise ValueError("a setup is active, passive, actpass or holdconn") from None


@dataclass(frozen=True, slots=True)
class Origin:
    """The `o=` line (RFC 8866 section 5.2)."""

    username: str
    session_id: int
    session_version: int
    network: str = "IN"
    address_type: str = "IP4"
    address: str = "0.0.0.0"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the six fields.

        Raises:
            ValueError: There are more or fewer, or the id or version is no 64-bit number.
        """
        fields = words(text)
        if len(fields) != 6:
            raise ValueError("an origin has six fields")
        return cls(
            fields[0],
            number(fields[1], 0, MAX_UINT64, "session id"),
            number(fields[2], 0, MAX_UINT64, "session version"),
            *fields[3:],
        )

    def __str__(self) -> str:
        return (
            f"{self.username} {self.session_id} {self.session_version} "
            f"{self.network} {self.address_type} {self.address}"
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """The `c=` line (RFC 8866 section 5.7)."""

    network: str
    address_type: str
    address: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the three fields.

        Raises:
            ValueError: There are more or fewer.
        """
        match words(text):
            case [network, address_type, address]:
                return cls(network, address_type, address)
            case _:
                raise ValueError("a connection has three fields")

    @classmethod
    def of(cls, address: str) -> Self:
        """The connection for an IP address or a host name."""
        return cls("IN", "IP6" if ":" in address else "IP4", address)

    def __str__(self) -> str:
        return f"{self.network} {self.address_type} {self.address}"


@dataclass(frozen=True, slots=True)
class MediaLine:
    """The `m=` line (RFC 8866 section 5.14).

    Args:
        media: For example `audio` or `application`.
        port: 0 to 65535; 0 refuses the section, or says that it is `bundle-only`.
        port_count: What follows a `/`, or None.
        protocol: For example `UDP/TLS/RTP/SAVPF`.
        formats: Payload types where the protocol is RTP.
    """

    media: str
    port: int
    port_count: int | None
    protocol: str
    formats: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the line.

        Raises:
            ValueError: A field is missing, the port is out of range, or a format of an RTP
                section is no payload type.
        """
        match words(text):
            case [media, port, protocol, *formats]:
                pass
            case _:
                raise ValueError("a media line has a media, a port, a protocol and formats")
        first, slash, count = port.partition("/")
        line = cls(
            media=media,
            port=number(first, 0, 65535, "port"),
            port_count=number(count, 1, 65535, "number of ports") if slash else None,
            protocol=protocol,
            formats=tuple(formats),
        )
        # A refused section needs no format: some peers leave none.
        if not formats and line.port:
            raise ValueError("a media line has at least one format")
        if line.is_rtp:
            for payload_type in formats:
                number(payload_type, 0, 127, "payload type")
        return line

    @property
    def is_rtp(self) -> bool:
        """Whether the formats are RTP payload types."""
        return "RTP" in self.protocol.split("/")

    def __str__(self) -> str:
        port = f"{self.port}" if self.port_count is None else f"{self.port}/{self.port_count}"
        return " ".join((self.media, port, self.protocol, *self.formats))


@dataclass(frozen=True, slots=True)
class Group:
    """`a=group` (RFC 5888 section 5)."""

    semantics: str
    mids: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the semantics and the mids, of which there may be none.

        Raises:
            ValueError: There are no semantics.
        """
        match words(text):
            case [semantics, *mids]:
                return cls(semantics, tuple(mids))
            case _:
                raise ValueError("a group has semantics")

    def __str__(self) -> str:
        return " ".join((self.semantics, *self.mids))
