"""Parses captured DTLS 1.2 datagrams, independently of the code under test.

RFC 6347 sections 4.1 and 4.2.2 for the headers, RFC 5246 section 7.4 for the messages, RFC 5764
section 4.1.1 for the SRTP profiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.captures.wire import Captured

CLIENT_HELLO, SERVER_HELLO = "ClientHello", "ServerHello"

_HANDSHAKE = {
    0: "HelloRequest",
    1: CLIENT_HELLO,
    2: SERVER_HELLO,
    3: "HelloVerifyRequest",
    11: "Certificate",
    12: "ServerKeyExchange",
    13: "CertificateRequest",
    14: "ServerHelloDone",
    15: "CertificateVerify",
    16: "ClientKeyExchange",
}
_RECORDS = {20: "ChangeCipherSpec", 21: "Alert", 23: "ApplicationData"}
# Extension type of use_srtp (RFC 5764 section 4.1.1).
_USE_SRTP = 14


@dataclass(frozen=True, slots=True)
class Record:
    """One DTLS 1.2 record with content type, version, epoch and body."""

    content_type: int
    version: int
    epoch: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """A ClientHello, or a ServerHello whose lists have one element."""

    version: int
    random: bytes
    cipher_suites: tuple[int, ...]
    srtp_profiles: tuple[int, ...]


def records(datagram: bytes) -> Iterator[Record]:
    """Walk over the records of a datagram."""
    while datagram:
        end = 13 + int.from_bytes(datagram[11:13])
        yield Record(
            datagram[0],
            int.from_bytes(datagram[1:3]),
            int.from_bytes(datagram[3:5]),
            datagram[13:end],
        )
        datagram = datagram[end:]


def names(datagram: bytes) -> list[str]:
    """Name the messages of a datagram; a handshake message under keys can only be Finished."""
    found = []
    for record in records(datagram):
        if record.content_type != 22:
            found.append(_RECORDS[record.content_type])
        elif record.epoch:
            found.append("Finished")
        else:
            found += [_HANDSHAKE[kind] for kind, _ in _messages(record.body)]
    return found


def flow(log: Iterable[Captured]) -> list[tuple[str, str]]:
    """List sender and name of each DTLS message in order, without retransmitted datagrams."""
    said: list[tuple[str, str]] = []
    seen = set()
    for captured in log:
        if captured.is_dtls and captured.data not in seen:
            seen.add(captured.data)
            said += [(captured.sender.value, name) for name in names(captured.data)]
    return said


def hellos(log: Iterable[Captured], name: str) -> list[Hello]:
    """Parse all captured ClientHellos or ServerHellos, each once."""
    kind = 1 if name == CLIENT_HELLO else 2
    bodies = {
        body: None
        for captured in log
        if captured.is_dtls
        for record in records(captured.data)
        if record.content_type == 22 and record.epoch == 0
        for found, body in _messages(record.body)
        if found == kind
    }
    return [_client_hello(body) if kind == 1 else _server_hello(body) for body in bodies]


def _messages(body: bytes) -> Iterator[tuple[int, bytes]]:
    while body:
        size = int.from_bytes(body[9:12])
        yield body[0], body[12 : 12 + size]
        body = body[12 + size :]


def _client_hello(body: bytes) -> Hello:
    rest = body[34:]
    rest = rest[1 + rest[0] :]  # the session
    rest = rest[1 + rest[0] :]  # the cookie
    size = int.from_bytes(rest[:2])
    suites = rest[2 : 2 + size]
    rest = rest[2 + size :]
    rest = rest[1 + rest[0] :]  # compression
    return _hello(body, suites, rest)


def _server_hello(body: bytes) -> Hello:
    rest = body[34:]
    rest = rest[1 + rest[0] :]
    return _hello(body, rest[:2], rest[3:])


def _hello(body: bytes, suites: bytes, extensions: bytes) -> Hello:
    profiles = b""
    rest = extensions[2:]
    while rest:
        kind, size = int.from_bytes(rest[:2]), int.from_bytes(rest[2:4])
        if kind == _USE_SRTP:
            profiles = rest[6 : 6 + int.from_bytes(rest[4:6])]
        rest = rest[4 + size :]
    return Hello(int.from_bytes(body[:2]), body[2:34], _pairs(suites), _pairs(profiles))


def _pairs(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[i : i + 2]) for i in range(0, len(data), 2))
