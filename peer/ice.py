"""Credentials and candidates of ICE, as descriptions carry them (RFC 8839 section 5). PURE."""

from __future__ import annotations

import base64
import ipaddress
import re
import secrets
from dataclasses import field
from typing import TYPE_CHECKING

from peer.argument_types import check_fields
from peer.errors import CandidateError
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# RFC 8839 section 5.4 allows letters, digits, `+` and `/`. Servers in the field also write `-`,
# `_`, `=` and `#`, and libwebrtc takes them.
ICE_UFRAG = re.compile(r"[A-Za-z0-9+/=#_-]{4,256}")
ICE_PWD = re.compile(r"[A-Za-z0-9+/=#_-]{22,256}")
#: Longest candidate line that is parsed, in characters (ours).
_MAX_LENGTH = 1024
#: Names of the components of RTP (RFC 8445 section 4; W3C webrtc-pc section 4.8.1).
_COMPONENTS = {1: "rtp", 2: "rtcp"}
_VISIBLE = re.compile(r"[ -~]*")
_FOUNDATION = re.compile(r"[A-Za-z0-9+/]{1,32}")
#: An IP address, and not a host name.
_IP_ADDRESS = re.compile(r".*:.*|[0-9.]+")
_TYPES = frozenset({"host", "srflx", "prflx", "relay"})
# RFC 8839 section 5.1: candidate-types may be any token.
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,32}")


@dataclass(frozen=True, slots=True)
class IceParameters:
    """The ICE credentials of one generation of one end. `repr` does not show the password.

    Args:
        username_fragment: 4 to 256 characters.
        password: 22 to 256 characters.
        lite: Whether that end is an ICE-lite implementation.
        sped: Whether that end takes DTLS in its checks (draft-hancke-webrtc-sped).

    Raises:
        ValueError: A value is not of that form.
    """

    username_fragment: str
    password: str = field(repr=False)
    lite: bool = False
    sped: bool = False

    def __post_init__(self) -> None:
        if not ICE_UFRAG.fullmatch(self.username_fragment):
            raise ValueError("ice-ufrag is 4 to 256 letters, digits, `+` or `/`")
        if not ICE_PWD.fullmatch(self.password):
            raise ValueError("ice-pwd is 22 to 256 letters, digits, `+` or `/`")

    @property
    def usernameFragment(self) -> str:
        """The username fragment by its name in W3C webrtc-pc (section 5.6.2)."""
        return self.username_fragment

    @classmethod
    def generate(cls, random: Callable[[int], bytes] = secrets.token_bytes) -> IceParameters:
        """Generate credentials of 48 and 144 random bits (RFC 8445 section 5.3: 24 and 128).

        The username fragments of connections that share a port are to differ.

        Args:
            random: Returns so many random bytes.
        """
        return cls(
            username_fragment=base64.b64encode(random(6)).decode(),
            password=base64.b64encode(random(18)).decode(),
        )


@dataclass(frozen=True, slots=True)
class DefaultDestination:
    """A default destination of media: the address and port of `c=` and `m=` (RFC 8839 section 3).

    Args:
        address: An IP address, or a host name.
        port: Its UDP port.
    """

    address: str
    port: int

    @property
    def is_hold(self) -> bool:
        """True where nothing is to be sent there: 0.0.0.0 or :: (RFC 3264 section 8.4)."""
        try:
            return ipaddress.ip_address(self.address).is_unspecified
        except ValueError:
            return False

    def __str__(self) -> str:
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else (f"{self.address}:{self.port}")
        )


@dataclass(frozen=True, slots=True)
class WithoutIce:
    """The end of a peer that does not use ICE, as its description has it.

    Args:
        rtp: Where it receives RTP, DTLS and data.
        rtcp: Where it receives RTCP; None where that shares the port (RFC 5761).
        mismatch: It has ICE, which somebody between the ends has made useless (RFC 8839 5.3).
    """

    rtp: DefaultDestination
    rtcp: DefaultDestination | None = None
    mismatch: bool = False


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """One ICE candidate, or the end of candidates where `candidate` is empty (webrtc-pc 4.8.1).

    Args:
        candidate: The `candidate:` attribute value (RFC 8839 section 5.1); `""` for the end.
        sdpMid: The mid of the m-section that the candidate belongs to.
        sdpMLineIndex: The index of that m-section, used where `sdpMid` is None.
        usernameFragment: The ICE generation of the candidate, or None for the present one.
        url: Of a candidate of ours, the URL of the server that gave it; not signalled.
        relayProtocol: Of a relayed candidate of ours, how the TURN server is reached: `udp`, `tcp`
            or `tls`; not signalled.

    Raises:
        TypeError: `candidate` is no text.
    """

    candidate: str = ""
    sdpMid: str | None = None
    sdpMLineIndex: int | None = None
    usernameFragment: str | None = None
    url: str | None = field(default=None, compare=False)
    relayProtocol: str | None = field(default=None, compare=False)

    @property
    def foundation(self) -> str | None:
        """The foundation (RFC 8445); None, as what follows, where the line cannot be parsed."""
        fields = self._fields
        return None if fields is None else fields.foundation

    @property
    def component(self) -> str | None:
        """The component by its name: `rtp` or `rtcp`."""
        fields = self._fields
        return None if fields is None else _COMPONENTS.get(fields.component)

    @property
    def priority(self) -> int | None:
        """The priority that its end has given it."""
        fields = self._fields
        return None if fields is None else fields.priority

    @property
    def address(self) -> str | None:
        """The IP address of the candidate, or an mDNS name."""
        fields = self._fields
        return None if fields is None else fields.address

    @property
    def protocol(self) -> str | None:
        """The protocol in use: `udp` or `tcp`."""
        fields = self._fields
        return None if fields is None else fields.transport

    @property
    def port(self) -> int | None:
        """The port at that address."""
        fields = self._fields
        return None if fields is None else fields.port

    @property
    def type(self) -> str | None:
        """The type of candidate: `host`, `srflx`, `prflx` or `relay`."""
        fields = self._fields
        return None if fields is None else fields.type

    @property
    def tcpType(self) -> str | None:
        """The direction of a TCP candidate: `active`, `passive` or `so`."""
        fields = self._fields
        return None if fields is None else fields.tcp_type

    @property
    def relatedAddress(self) -> str | None:
        """The address that a candidate which is no `host` was found from."""
        fields = self._fields
        return None if fields is None else fields.related_address

    @property
    def relatedPort(self) -> int | None:
        """The port at `relatedAddress`."""
        fields = self._fields
        return None if fields is None else fields.related_port

    def toJSON(self) -> dict[str, str | int | None]:
        """Return what signalling carries, for `json.dumps` (RTCIceCandidateInit)."""
        return {
            "candidate": self.candidate,
            "sdpMid": self.sdpMid,
            "sdpMLineIndex": self.sdpMLineIndex,
            "usernameFragment": self.usernameFragment,
        }

    @property
    def _fields(self) -> CandidateFields | None:
        try:
            return CandidateFields.parse(self.candidate)
        except CandidateError:
            return None

    def __post_init__(self) -> None:
        candidate: object = self.candidate
        if not isinstance(candidate, str):
            raise TypeError(f"candidate of IceCandidate is a str, not {type(candidate).__name__}")


@dataclass(frozen=True, slots=True)
class CandidateFields:
    """The fields of one ICE candidate line (RFC 8839 section 5.1).

    Args:
        transport: `udp` or `tcp`, in lower case.
        address: An IP address, or an mDNS name that ends in `.local`.
        type: `host`, `srflx`, `prflx` or `relay`; a candidate of another type is not used.
        extensions: Pairs of extension names and values that we do not interpret, in their order.
        server_url: Of a candidate of ours, the server that gave it; not on the line.
        relay_protocol: Of a relayed candidate of ours, how that server is reached.
    """

    foundation: str
    component: int
    transport: str
    priority: int
    address: str
    port: int
    type: str
    related_address: str | None = None
    related_port: int | None = None
    tcp_type: str | None = None
    extensions: tuple[tuple[str, str], ...] = ()
    server_url: str | None = field(default=None, compare=False)
    relay_protocol: str | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str) -> CandidateFields:
        """Parse a candidate line, with or without `a=` and `candidate:` in front.

        Raises:
            CandidateError: The text does not follow the grammar, or exceeds 1,024 characters.
        """
        body = text.removeprefix("a=").removeprefix("candidate:").strip()
        if len(body) > _MAX_LENGTH:
            raise CandidateError("a candidate is longer than 1,024 characters", candidate=text)
        if not _VISIBLE.fullmatch(body):
            raise CandidateError("a candidate is visible ASCII characters", candidate=text)
        words = body.split()
        if len(words) < 8 or words[6] != "typ":
            raise CandidateError("a candidate has eight fields, `typ` the seventh", candidate=text)
        foundation, component, transport, priority, address, port, _, kind = words[:8]
        if not _FOUNDATION.fullmatch(foundation):
            raise CandidateError("the foundation is 1 to 32 ice-chars", candidate=text)
        if not _TOKEN.fullmatch(kind):
            raise CandidateError("the candidate type is a word of 1 to 32", candidate=text)
        fields = cls(
            foundation=foundation,
            component=_number(component, range(1, 257), name="component", line=text),
            transport=transport.lower(),
            priority=_number(priority, range(1, 2**32), name="priority", line=text),
            address=address,
            port=_number(port, range(65536), name="port", line=text),
            type=kind,
        )
        rest = words[8:]
        if len(rest) % 2:
            raise CandidateError("candidate extensions come in pairs", candidate=text)
        return _with_extensions(fields, list(zip(rest[::2], rest[1::2], strict=True)), text)

    @property
    def is_understood(self) -> bool:
        """Tell whether the type is one of ours: RFC 8839 section 5.1 has others ignored."""
        return self.type in _TYPES

    def __str__(self) -> str:
        words = [
            f"candidate:{self.foundation} {self.component} {self.transport} {self.priority}",
            f"{self.address} {self.port} typ {self.type}",
        ]
        if self.related_address is not None:
            words.append(f"raddr {self.related_address} rport {self.related_port or 0}")
        if self.tcp_type is not None:
            words.append(f"tcptype {self.tcp_type}")
        words += [f"{name} {value}" for name, value in self.extensions]
        return " ".join(words)


def default_candidate(
    candidates: Iterable[CandidateFields], *, peer_address: str | None = None
) -> CandidateFields | None:
    """Choose the candidate most likely to work without ICE (RFC 8839 section 4.2.1.2).

    Args:
        candidates: The candidates.
        peer_address: Where a peer without ICE receives: it sends to an address of the same IP
            version, where we have one (RFC 6157). None prefers IPv4, which more peers have.
    """
    order = {"relay": 0, "srflx": 1, "prflx": 1, "host": 2}
    usable = [c for c in candidates if c.transport == "udp"]
    if peer_address is not None and _IP_ADDRESS.fullmatch(peer_address):
        same = [c for c in usable if (":" in c.address) is (":" in peer_address)]
        usable = same or usable
    return min(usable, key=lambda c: (order[c.type], ":" in c.address), default=None)


def _with_extensions(
    fields: CandidateFields, pairs: list[tuple[str, str]], text: str
) -> CandidateFields:
    unknown: list[tuple[str, str]] = []
    for name, value in pairs:
        match name:
            case "raddr":
                fields = replace(fields, related_address=value)
            case "rport":
                port = _number(value, range(65536), name="rport", line=text)
                fields = replace(fields, related_port=port)
            case "tcptype":
                fields = replace(fields, tcp_type=value)
            case _:
                unknown.append((name, value))
    return replace(fields, extensions=tuple(unknown)) if unknown else fields


def _number(text: str, allowed: range, *, name: str, line: str) -> int:
    # `isascii` because str.isdigit is true of digits that no other stack writes.
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) in allowed):
        ends = f"{allowed[0]} to {allowed[-1]}"
        raise CandidateError(f"the {name} is a number from {ends}", candidate=line)
    return int(text)


def check_candidate(candidate: object) -> None:
    """Raise an error where a candidate has not the fields of one.

    Raises:
        TypeError: It is something else.
    """
    if candidate is not None and not isinstance(candidate, IceCandidate):
        names = ("candidate", "sdpMid", "sdpMLineIndex", "usernameFragment")
        check_fields(candidate, IceCandidate, *names, place="addIceCandidate")
