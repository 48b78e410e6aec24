"""Values of SDP lines: origin, `m=` and `c=` lines, roles, directions and the attributes of RTP.

Every `parse` takes the text behind `a=name:` (or `m=`, `c=`, `o=`) and raises `ValueError` with one
sentence; the section that has the line makes an error of it that quotes the line. Spaces may repeat
and may stand at the ends, as some peers write them so.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from peer.negotiation.sdp.lines import MAX_UINT32, MAX_UINT64, joined, number, words
from peer.values import dataclass

#: Tags of `a=ice-options` of an end that takes DTLS in its checks: that of
#: draft-hancke-webrtc-sped, and those of libwebrtc from M155 on and before.
SPED_OPTIONS = ("sped", "googspedv1", "goog-sped-v1")


class MediaDirection(StrEnum):
    """Direction of media as seen by the end that wrote it (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @classmethod
    def parse(cls, text: str) -> MediaDirection:
        """Read one of the four directions.

        Raises:
            ValueError: The text is none of the four.
        """
        try:
            return cls(text)
        except ValueError:
            raise ValueError("a direction is sendrecv, sendonly, recvonly or inactive") from None

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> MediaDirection:
        """Give the direction that sends, or not, and receives, or not."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE

    @property
    def sends(self) -> bool:
        """True where the end that says the direction sends."""
        return self in (MediaDirection.SENDRECV, MediaDirection.SENDONLY)

    @property
    def receives(self) -> bool:
        """True where the end that says the direction receives."""
        return self in (MediaDirection.SENDRECV, MediaDirection.RECVONLY)

    @property
    def reversed(self) -> MediaDirection:
        """The direction as the other end sees it."""
        return MediaDirection.of(sends=self.receives, receives=self.sends)

    def intersect(self, other: MediaDirection) -> MediaDirection:
        """Narrow a direction by another one, both seen from one end."""
        return MediaDirection.of(
            sends=self.sends and other.sends, receives=self.receives and other.receives
        )


class Setup(StrEnum):
    """Value of `a=setup` (RFC 4145 section 4)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"

    @classmethod
    def parse(cls, text: str) -> Setup:
        """Read one of the four roles.

        Raises:
            ValueError: The text is none of the four.
        """
        try:
            return cls(text)
        except ValueError:
            raise ValueError("a setup is active, passive, actpass or holdconn") from None


@dataclass(frozen=True, slots=True)
class Origin:
    """Value of the `o=` line (RFC 8866 section 5.2)."""

    username: str
    session_id: int
    session_version: int
    network: str = "IN"
    address_type: str = "IP4"
    address: str = "0.0.0.0"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the six fields of an origin.

        Raises:
            ValueError: There are more or fewer, or the id or version is no 64-bit number.
        """
        fields = words(text)
        if len(fields) != 6:
            raise ValueError("an origin has six fields")
        return cls(
            fields[0],
            number(fields[1], low=0, high=MAX_UINT64, name="session id"),
            number(fields[2], low=0, high=MAX_UINT64, name="session version"),
            *fields[3:],
        )

    def __str__(self) -> str:
        return (
            f"{self.username} {self.session_id} {self.session_version} "
            f"{self.network} {self.address_type} {self.address}"
        )


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """Value of a `c=` line (RFC 8866 section 5.7)."""

    network: str
    address_type: str
    address: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the three fields of a connection.

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
        """Make the connection for an IP address or a host name."""
        return cls("IN", "IP6" if ":" in address else "IP4", address)

    def __str__(self) -> str:
        return f"{self.network} {self.address_type} {self.address}"


@dataclass(frozen=True, slots=True)
class MediaLine:
    """Value of an `m=` line (RFC 8866 section 5.14).

    Args:
        media: For example `audio` or `application`.
        port: 0 to 65535; 0 refuses the section, or says that it is `bundle-only`.
        port_count: Number behind a `/`, or None.
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
        """Read the fields of a media line.

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
            port=number(first, low=0, high=65535, name="port"),
            port_count=number(count, low=1, high=65535, name="number of ports") if slash else None,
            protocol=protocol,
            formats=tuple(formats),
        )
        # A rejected m-section needs no format: some peers leave none.
        if not formats and line.port:
            raise ValueError("a media line has at least one format")
        if line.is_rtp:
            for payload_type in formats:
                number(payload_type, low=0, high=127, name="payload type")
        return line

    @property
    def is_rtp(self) -> bool:
        """True where the formats are RTP payload types."""
        return "RTP" in self.protocol.split("/")

    def __str__(self) -> str:
        port = f"{self.port}" if self.port_count is None else f"{self.port}/{self.port_count}"
        return " ".join((self.media, port, self.protocol, *self.formats))


@dataclass(frozen=True, slots=True)
class Group:
    """Value of `a=group` (RFC 5888 section 5)."""

    semantics: str
    mids: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the semantics and the mids; there may be no mids.

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


#: Ids of header extensions on the wire (RFC 8285 sections 4.2 and 4.3).
_EXTENSION_IDS = range(1, 256)
#: Ids by which an offer may list more extensions than fit on the wire (RFC 8285 section 8).
_PROVISIONAL_EXTENSION_IDS = range(4096, 4352)


@dataclass(frozen=True, slots=True)
class RtpMap:
    """Value of `a=rtpmap` (RFC 8866 section 6.6); `clock_rate` is in hertz."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a value such as `96 VP8/90000` or `111 opus/48000/2`.

        Raises:
            ValueError: A field is missing or a number is out of range.
        """
        match words(text):
            case [payload_type, encoding]:
                name, *numbers = encoding.split("/")
            case _:
                raise ValueError("an rtpmap is a payload type and name/clock-rate[/channels]")
        if not name or len(numbers) not in (1, 2):
            raise ValueError("an rtpmap is a payload type and name/clock-rate[/channels]")
        return cls(
            number(payload_type, low=0, high=127, name="payload type"),
            name,
            number(numbers[0], low=1, high=MAX_UINT32, name="clock rate"),
            number(numbers[1], low=1, high=255, name="number of channels")
            if len(numbers) == 2
            else None,
        )

    def __str__(self) -> str:
        channels = "" if self.channels is None else f"/{self.channels}"
        return f"{self.payload_type} {self.name}/{self.clock_rate}{channels}"


@dataclass(frozen=True, slots=True)
class Fmtp:
    """Value of `a=fmtp` (RFC 8866 section 6.15)."""

    payload_type: int
    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the payload type; the parameters are kept as text.

        Raises:
            ValueError: The payload type is out of range.
        """
        payload_type, _, parameters = text.strip(" ").partition(" ")
        return cls(
            number(payload_type, low=0, high=127, name="payload type"), parameters.lstrip(" ")
        )

    @classmethod
    def of(cls, payload_type: int, parameters: tuple[tuple[str, str | None], ...]) -> Self:
        """Make the text of parameters, `;` between them."""
        texts = (name if value is None else f"{name}={value}" for name, value in parameters)
        return cls(payload_type, ";".join(texts))

    @property
    def parameters(self) -> tuple[tuple[str, str | None], ...]:
        """Pairs of name and value; a value is None where there is no `=` (`0-15`, `111/111`)."""
        pairs: list[tuple[str, str | None]] = []
        for item in self.text.split(";"):
            name, equals, value = item.strip().partition("=")
            if name:
                pairs.append((name.rstrip(), value.lstrip() if equals else None))
        return tuple(pairs)

    def __str__(self) -> str:
        return f"{self.payload_type} {self.text}"


@dataclass(frozen=True, slots=True)
class RtcpFeedback:
    """Value of `a=rtcp-fb` (RFC 4585 section 4.2); the payload type is None for `*`, all."""

    payload_type: int | None
    type: str
    parameter: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a value such as `96 nack pli` or `* transport-cc`.

        Raises:
            ValueError: The payload type is out of range, or no type follows it.
        """
        match words(text):
            case [payload_type, kind, *parameter]:
                return cls(
                    None
                    if payload_type == "*"
                    else number(payload_type, low=0, high=127, name="payload type"),
                    kind,
                    " ".join(parameter) or None,
                )
            case _:
                raise ValueError("RTCP feedback is a payload type or `*`, and a type")

    def __str__(self) -> str:
        payload_type = "*" if self.payload_type is None else f"{self.payload_type}"
        return joined(payload_type, self.type, self.parameter)


@dataclass(frozen=True, slots=True)
class ExtMap:
    """Value of `a=extmap` (RFC 8285 section 8).

    Args:
        id: 1 to 255, or 4096 to 4351 for one that waits for an id.
        uri: Name of the extension.
        direction: Direction behind a `/`, or None.
        attributes: Text behind the URI, not interpreted.
    """

    id: int
    uri: str
    direction: MediaDirection | None = None
    attributes: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a value such as `3 urn:...` or `3/recvonly urn:... attributes`.

        Raises:
            ValueError: The id or the direction is malformed, or there is no URI.
        """
        match words(text):
            case [first, uri, *attributes]:
                identifier, slash, direction = first.partition("/")
            case _:
                raise ValueError("an extmap is an id and a URI")
        value = number(identifier, low=1, high=_PROVISIONAL_EXTENSION_IDS[-1], name="extension id")
        if value not in _EXTENSION_IDS and value not in _PROVISIONAL_EXTENSION_IDS:
            raise ValueError("an extension id is 1 to 255 or 4096 to 4351")
        return cls(
            value,
            uri,
            MediaDirection.parse(direction) if slash else None,
            " ".join(attributes) or None,
        )

    def __str__(self) -> str:
        direction = "" if self.direction is None else f"/{self.direction}"
        return joined(f"{self.id}{direction}", self.uri, self.attributes)


@dataclass(frozen=True, slots=True)
class Msid:
    """Value of `a=msid` (RFC 8830 section 2); a stream of `-` is no stream."""

    stream: str
    track: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the stream id and the track id.

        Raises:
            ValueError: There is no stream id.
        """
        match words(text):
            case [stream, *track]:
                return cls(stream, " ".join(track) or None)
            case _:
                raise ValueError("an msid has a stream id")

    def __str__(self) -> str:
        return joined(self.stream, self.track)


@dataclass(frozen=True, slots=True)
class Ssrc:
    """Value of `a=ssrc` (RFC 5576 section 4.1); unknown attributes are kept."""

    ssrc: int
    attribute: str
    value: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a value such as `1234 cname:name` or `1234 flag`.

        Raises:
            ValueError: The SSRC is no 32-bit number, or no attribute follows it.
        """
        ssrc, _, rest = text.strip(" ").partition(" ")
        attribute, colon, value = rest.lstrip(" ").partition(":")
        if not attribute:
            raise ValueError("an ssrc line has an SSRC and an attribute")
        return cls(
            number(ssrc, low=0, high=MAX_UINT32, name="SSRC"), attribute, value if colon else None
        )

    def __str__(self) -> str:
        return f"{self.ssrc} {self.attribute}" + ("" if self.value is None else f":{self.value}")


@dataclass(frozen=True, slots=True)
class SsrcGroup:
    """Value of `a=ssrc-group` (RFC 5576 section 4.2)."""

    semantics: str
    ssrcs: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a group such as `FID 1234 5678`.

        Raises:
            ValueError: There are no semantics, or an SSRC is no 32-bit number.
        """
        match words(text):
            case [semantics, *ssrcs]:
                return cls(
                    semantics, tuple(number(s, low=0, high=MAX_UINT32, name="SSRC") for s in ssrcs)
                )
            case _:
                raise ValueError("an ssrc-group has semantics")

    def __str__(self) -> str:
        return " ".join((self.semantics, *map(str, self.ssrcs)))
