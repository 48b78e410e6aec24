"""Injects forged datagrams into a call: handshake messages, alerts, SRTP and garbage."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from peer.identity.certificate import Certificate
from peer.states import DtlsRole
from peer.transport.dtls.connection import DtlsConnection
from tests.support.captures.wire import Side, pass_on

if TYPE_CHECKING:
    from peer import PeerConnection
    from tests.support.captures.wire import Address, Captured, Wire

#: Address that no ICE check has validated (RFC 5737), for datagrams put into a socket by hand.
ELSEWHERE = ("192.0.2.66", 6666)


class Origin(StrEnum):
    """Source address of the injected datagrams."""

    ELSEWHERE = "elsewhere"
    PEER = "the peer's address"


class Moment(StrEnum):
    """Moment of the injection: before the first ClientHello, during the handshake, or after it."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class Kind(StrEnum):
    """Kind of the injected datagrams."""

    CLIENT_HELLO = "ClientHello"
    ALERT = "alert"
    FINISHED = "Finished"
    SRTP = "SRTP"
    GARBAGE = "garbage"


def client_hello() -> bytes:
    """Make a genuine ClientHello, which any DTLS server would answer."""
    connection = DtlsConnection(Certificate.generate(), DtlsRole.CLIENT)
    connection.handshake()
    (datagram,) = connection.datagrams()
    return datagram


def record(content_type: int, epoch: int, number: int, body: bytes) -> bytes:
    """Write a DTLS 1.2 record."""
    header = bytes([content_type]) + b"\xfe\xfd" + epoch.to_bytes(2) + number.to_bytes(6)
    return header + len(body).to_bytes(2) + body


def datagrams(kind: Kind, count: int, seed: int = 0) -> list[bytes]:
    """Make `count` datagrams of a kind, no two alike."""
    source = random.Random(seed)
    hello = client_hello()
    make: dict[Kind, Callable[[int], bytes]] = {
        Kind.CLIENT_HELLO: lambda _: _client_hello(source, hello),
        Kind.ALERT: lambda number: _alert(source, number),
        Kind.FINISHED: lambda number: _finished(source, number),
        Kind.SRTP: lambda number: _srtp(source, number),
        Kind.GARBAGE: lambda _: source.randbytes(source.randint(1, 300)),
    }
    return [make[kind](number) for number in range(count)]


#: Lets a datagram be read from a socket, with a source address of the test's choice.
Sink = Callable[[bytes, "Address"], None]


def sink(pc: PeerConnection) -> Sink:
    """Find the socket of a connection's first transport, as no kernel forges an address for us."""
    (transport, *_) = pc._core.executor.transports.values()  # noqa: SLF001 - nobody else needs it
    generation = transport.ice._active.ice  # noqa: SLF001 - likewise
    (sock, *_) = generation._agent.sockets  # noqa: SLF001 - likewise
    return sock.datagram_received


class Injector:
    """Sends forged datagrams to both ends of a call.

    Args:
        wire: Joins the two ends.
        sinks: Take datagrams for each end.
        kind: Kind of the datagrams.
        origin: Their source address.
        count: Number of datagrams that each end is sent in all.
    """

    def __init__(
        self, wire: Wire, sinks: Mapping[Side, Sink], kind: Kind, origin: Origin, count: int
    ) -> None:
        self._wire = wire
        self._sinks = sinks
        self._origin = origin
        self._count = count
        self._shaking = False
        self._left = {side: datagrams(kind, count, seed) for seed, side in enumerate(Side)}

    @property
    def left(self) -> int:
        """Number of datagrams that are still to be sent."""
        return sum(map(len, self._left.values()))

    def inject(self, count: int) -> None:
        """Send each end `count` datagrams, or as many as are left."""
        for side, left in self._left.items():
            face: Address = self._wire.paths[0].faces[side].get_extra_info("sockname")
            for datagram in left[:count]:
                self._sinks[side](datagram, face if self._origin is Origin.PEER else ELSEWHERE)
            del left[:count]

    async def attend(self, moment: Moment) -> None:
        """Inject into the handshake that is about to begin, at the given moment."""
        self._wire.fate = lambda each: self._fate(each, moment)
        if moment is Moment.BEFORE:
            # The path is up, and the first ClientHello is held back.
            await self._wire.until(lambda: any(each.is_dtls for each in self._wire.of()))
            self.inject(self._count)
            self._shaking = True

    def _fate(self, each: Captured, moment: Moment) -> Iterable[bytes]:
        if not each.is_dtls:
            return pass_on(each)
        if moment is Moment.BEFORE and not self._shaking:
            return ()
        if moment is Moment.DURING:
            self.inject(self._count // 8)
        return pass_on(each)


def _client_hello(source: random.Random, hello: bytes) -> bytes:
    # Header, message header, version, and then the random. One in four is of DTLS 1.0 only.
    version = source.choice([b"\xfe\xfd"] * 3 + [b"\xfe\xff"])
    return hello[:25] + version + source.randbytes(32) + hello[59:]


def _alert(source: random.Random, number: int) -> bytes:
    # close_notify, unexpected_message, handshake_failure, bad_certificate, decrypt_error, internal.
    description = source.choice([0, 10, 40, 42, 51, 80])
    level = 1 if description == 0 else 2
    clear = source.random() < 0.7
    body = bytes([level, description]) if clear else source.randbytes(26)
    return record(21, 0 if clear else 1, number, body)


def _finished(source: random.Random, number: int) -> bytes:
    if source.random() < 0.5:
        return record(22, 1, number, source.randbytes(40))
    # In clear, with the number that the message would have, or another one.
    sequence = source.randint(0, 7)
    header = b"\x14\0\0\x0c" + sequence.to_bytes(2) + b"\0\0\0\0\0\x0c"
    return record(22, 0, number, header + source.randbytes(12))


def _srtp(source: random.Random, number: int) -> bytes:
    header = bytes([0x80, source.choice([96, 97, 111, 200, 201])]) + number.to_bytes(2)
    return header + source.randbytes(source.randint(20, 200))
