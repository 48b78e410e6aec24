"""Wire format of SCTP's chunks (RFC 9260 section 3, RFC 3758, RFC 6525). PURE."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from struct import Struct, pack
from typing import TYPE_CHECKING, Final, NamedTuple

from google_crc32c import extend as crc32c_extend
from google_crc32c import value as crc32c

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: TSNs, and sequence numbers of requests, begin at 0 again here (RFC 9260 section 1.6).
TSN_MODULO: Final = 2**32
#: Bytes of the common header (RFC 9260 section 3.1).
COMMON_HEADER: Final = 12
#: Bytes of a DATA chunk before its user data (RFC 9260 section 3.3.1).
DATA_HEADER: Final = 16

DATA: Final = Struct("!BBHLHHL")
DATA_FIELDS: Final = Struct("!LHHL")
SACK: Final = Struct("!LLHH")
INIT: Final = Struct("!LLHHL")
PAIR: Final = Struct("!HH")
RESET_REQUEST: Final = Struct("!LLL")
WORD: Final = Struct("!L")
WORDS: Final = Struct("!LL")
_HEADER = Struct("!BBH")
_PREFIX = Struct("!HHL")
_CHECKSUM = Struct("<L")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class ChunkType(IntEnum):
    """Type of a chunk (RFC 9260 section 3.2)."""

    DATA = 0
    INIT = 1
    INIT_ACK = 2
    SACK = 3
    HEARTBEAT = 4
    HEARTBEAT_ACK = 5
    ABORT = 6
    SHUTDOWN = 7
    SHUTDOWN_ACK = 8
    ERROR = 9
    COOKIE_ECHO = 10
    COOKIE_ACK = 11
    SHUTDOWN_COMPLETE = 14
    RECONFIG = 130
    FORWARD_TSN = 192


class DataFlag(IntFlag):
    """Flags of a DATA chunk (RFC 9260 section 3.3.1; RFC 7053 for the I bit)."""

    LAST = 1
    FIRST = 2
    UNORDERED = 4
    IMMEDIATE = 8


class ParameterType(IntEnum):
    """Type of a parameter that is understood (RFC 9260 section 3.3, RFC 3758, 5061, 6525)."""

    HEARTBEAT_INFO = 1
    COOKIE = 7
    OUTGOING_RESET = 13
    INCOMING_RESET = 14
    TSN_RESET = 15
    RECONFIG_RESPONSE = 16
    ADD_OUTGOING = 17
    ADD_INCOMING = 18
    EXTENSIONS = 0x8008
    FORWARD_TSN = 0xC000


class InitFields(NamedTuple):
    """Fields of an INIT or INIT ACK.

    Args:
        tag: Verification tag of what its sender is to receive; never 0.
        window: Bytes that its sender takes at first.
        outgoing: Streams that its sender wants.
        incoming: Streams that its sender takes.
        tsn: TSN of its sender's first DATA.
        parameters: Values by their types; of a type that comes twice, the last.
    """

    tag: int
    window: int
    outgoing: int
    incoming: int
    tsn: int
    parameters: dict[int, bytes]

    @property
    def takes_forward_tsn(self) -> bool:
        """True where its sender knows FORWARD TSN (RFC 3758 section 3.3.1)."""
        known = self.parameters.get(ParameterType.EXTENSIONS, b"")
        return ParameterType.FORWARD_TSN in self.parameters or ChunkType.FORWARD_TSN in known


def chunk(kind: ChunkType, body: bytes = b"", flags: int = 0) -> bytes:
    """Encode a chunk, with its padding."""
    size = len(body) + 4
    return _HEADER.pack(kind, flags, size) + body + _PADDING[size & 3]


def data_chunk(
    *, flags: int, tsn: int, stream: int, sequence: int, protocol: int, payload: bytes
) -> bytes:
    """Encode a DATA chunk, with its padding."""
    size = len(payload) + DATA_HEADER
    header = DATA.pack(0, flags, size, tsn, stream, sequence, protocol)
    return header + payload + _PADDING[size & 3]


def parameter(kind: ParameterType, value: bytes = b"") -> bytes:
    """Encode a parameter, with its padding."""
    size = len(value) + 4
    return PAIR.pack(kind, size) + value + _PADDING[size & 3]


def init_chunk(kind: ChunkType, fields: InitFields) -> bytes:
    """Encode an INIT or INIT ACK."""
    tag, window, outgoing, incoming, tsn, parameters = fields
    body = INIT.pack(tag, window, outgoing, incoming, tsn)
    return chunk(kind, body + b"".join(map(_init_parameter, parameters.items())))


def parse_init(body: bytes) -> InitFields | None:
    """Parse the body of an INIT or INIT ACK; None where it asks for what cannot be.

    RFC 9260 section 3.3.2: neither a tag of 0 nor a number of streams of 0.
    """
    if len(body) < INIT.size:
        return None
    tag, window, outgoing, incoming, tsn = INIT.unpack_from(body)
    if not (tag and outgoing and incoming):
        return None
    found = dict(parameters(body[INIT.size :]))
    return InitFields(tag, window, outgoing, incoming, tsn, found)


def parameters(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Iterate over the type and value of each parameter up to the first that does not fit."""
    start = 0
    while start + 4 <= len(body):
        kind, size = PAIR.unpack_from(body, start)
        if size < 4 or start + size > len(body):
            return
        yield kind, body[start + 4 : start + size]
        start += size + -size % 4


def sack_chunk(
    *, cumulative: int, window: int, gaps: list[tuple[int, int]], duplicates: list[int]
) -> bytes:
    """Encode a SACK, whose gaps are first and last offsets from the cumulative TSN."""
    body = SACK.pack(cumulative, window, len(gaps), len(duplicates))
    if gaps or duplicates:
        flat = [offset for gap in gaps for offset in gap]
        body += pack(f"!{len(flat)}H{len(duplicates)}L", *flat, *duplicates)
    return chunk(ChunkType.SACK, body)


def forward_tsn_chunk(cumulative: int, streams: Iterable[tuple[int, int]]) -> bytes:
    """Encode a FORWARD TSN; streams come with the sequence number that is skipped last."""
    body = WORD.pack(cumulative) + b"".join(PAIR.pack(*each) for each in streams)
    return chunk(ChunkType.FORWARD_TSN, body)


class PacketWriter:
    """Joins chunks to packets, with a common header whose checksum is begun already.

    Args:
        source: SCTP port of ours.
        destination: SCTP port of the peer.
        tag: Verification tag of the peer.
    """

    def __init__(self, *, source: int, destination: int, tag: int) -> None:
        self._prefix = packet_prefix(source=source, destination=destination, tag=tag)
        self._begun = begun_checksum(self._prefix)

    def write(self, chunks: Iterable[bytes]) -> bytes:
        """Return a packet of these chunks, with its CRC32c (RFC 9260 appendix A)."""
        body = b"".join(chunks)
        return self._prefix + _CHECKSUM.pack(crc32c_extend(self._begun, body)) + body


def packet_prefix(*, source: int, destination: int, tag: int) -> bytes:
    """Encode the common header up to its checksum."""
    return _PREFIX.pack(source, destination, tag)


def begun_checksum(prefix: bytes) -> int:
    """Return the CRC32c of the common header, whose checksum counts as 0."""
    return int(crc32c(prefix + bytes(4)))


def has_checksum(packet: bytes, begun: int) -> bool:
    """Tell whether a packet has the CRC32c that it says, begun over its common header."""
    told: int = _CHECKSUM.unpack_from(packet, 8)[0]
    return bool(crc32c_extend(begun, packet[COMMON_HEADER:]) == told)


def _init_parameter(item: tuple[int, bytes]) -> bytes:
    kind, value = item
    return parameter(ParameterType(kind), value)
