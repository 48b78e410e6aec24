"""Handshakes of DTLS 1.3, with a stand-in for a TLS library that speaks it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

import pytest

from peer.errors import DtlsError
from peer.identity.certificate import Certificate
from peer.states import DtlsRole
from peer.transport.context import DEFAULT_CONTEXT
from peer.transport.dtls import handshake as handshake_module
from peer.transport.dtls.connection import MTU, SMALLER_MTUS
from peer.transport.dtls.handshake import Handshake
from tests.support.captures.injection import client_hello, record
from tests.support.captures.unified import unified

HELLO = record(22, 0, 0, bytes([2]) + bytes(40))
PROTECTED = unified(epoch=2)
CALL = client_hello()
KEY_EXCHANGE = CALL[:13] + bytes([16]) + CALL[14:]
LAST_FLIGHT = b"our last flight"


@dataclass
class Library:
    """A `DtlsConnection` that a test completes by hand."""

    acknowledges: bool = True
    verifies_hello: bool = False
    timeout: float | None = None
    done: bool = False
    silent: bool = False
    mtu: int = MTU
    #: `mtu` at each `handshake`.
    mtus: list[int] = field(default_factory=list)
    ready: list[bytes] = field(default_factory=list)
    fed: list[bytes] = field(default_factory=list)

    def feed(self, datagram: bytes) -> None:
        self.fed.append(datagram)

    def listen(self) -> None:
        """Nothing is to be verified."""

    def handshake(self) -> bool:
        self.mtus.append(self.mtu)
        return self.done

    def handle_timeout(self) -> None:
        if self.silent:
            raise DtlsError("the peer stopped answering")

    def datagrams(self) -> list[bytes]:
        ready, self.ready = self.ready, []
        return ready

    def shutdown(self) -> None:
        self.ready.append(b"close_notify")


class Scene:
    """A handshake over `Library`, with what it sent and how it failed."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, role: DtlsRole, *, acknowledges: bool = True
    ) -> None:
        self.libraries: list[Library] = []
        self.sent: list[bytes] = []
        self.failures: list[DtlsError] = []

        def make(*_: object, verifies_hello: bool = False, **__: object) -> Library:
            self.libraries.append(Library(acknowledges, verifies_hello))
            return self.libraries[-1]

        monkeypatch.setattr(handshake_module, "DtlsConnection", make)
        self.handshake = Handshake(
            certificate=Certificate.generate(),
            role=role,
            context=DEFAULT_CONTEXT,
            transmit=self._transmit,
            on_complete=lambda _: None,
            on_failed=self.failures.append,
        )

    def _transmit(self, datagram: bytes) -> bool:
        self.sent.append(datagram)
        return True

    @property
    def library(self) -> Library:
        return self.libraries[-1]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> partial[Scene]:
    return partial(Scene, monkeypatch)


async def test_unified_records_are_fed_after_the_hello_of_their_datagram(
    scene: partial[Scene],
) -> None:
    client = scene(DtlsRole.CLIENT)

    assert client.handshake.receive(HELLO + PROTECTED)

    assert client.library.fed == [HELLO, PROTECTED]
    client.handshake.end()


async def test_unified_records_before_the_hello_are_refused(scene: partial[Scene]) -> None:
    client = scene(DtlsRole.CLIENT)

    assert not client.handshake.receive(PROTECTED)

    assert client.library.fed == []
    client.handshake.end()


async def test_unified_records_are_not_fed_to_dtls_1_2(scene: partial[Scene]) -> None:
    client = scene(DtlsRole.CLIENT, acknowledges=False)

    client.handshake.receive(HELLO + PROTECTED)

    assert client.library.fed == [HELLO]
    client.handshake.end()


@pytest.mark.parametrize(
    ("role", "acknowledges", "late", "repeats"),
    [
        (DtlsRole.CLIENT, True, PROTECTED, True),
        (DtlsRole.CLIENT, True, unified(epoch=3), False),
        (DtlsRole.CLIENT, True, b"\x2e", False),
        (DtlsRole.SERVER, True, PROTECTED, False),
        (DtlsRole.SERVER, True, CALL, False),
        (DtlsRole.SERVER, False, KEY_EXCHANGE, True),
        (DtlsRole.SERVER, False, CALL, False),
        (DtlsRole.CLIENT, False, HELLO, False),
        (DtlsRole.CLIENT, False, b"\x16", False),
    ],
    # Of the datagrams themselves each process would make other names.
    ids=range(9),
)
async def test_last_flight_is_repeated_for_a_peer_that_is_behind(
    scene: partial[Scene], role: DtlsRole, acknowledges: bool, late: bytes, repeats: bool
) -> None:
    end = scene(role, acknowledges=acknowledges)
    complete(end, role)

    end.handshake.receive(late)

    assert end.sent == ([LAST_FLIGHT] if repeats else [])
    end.handshake.end()


@pytest.mark.parametrize(("acknowledges", "most"), [(True, 100), (False, 2)])
async def test_an_ack_may_bring_out_more_messages_than_it_has_records(
    scene: partial[Scene], acknowledges: bool, most: int
) -> None:
    client = scene(DtlsRole.CLIENT, acknowledges=acknowledges)
    complete(client, DtlsRole.CLIENT)

    assert client.handshake.most_messages(record(23, 1, 0, b"a") + record(23, 1, 1, b"b")) == most
    client.handshake.end()


async def test_a_client_that_was_asked_for_a_cookie_is_answered_with_dtls_1_2(
    scene: partial[Scene],
) -> None:
    server = scene(DtlsRole.SERVER)
    server.handshake.receive(client_hello())
    server.handshake.receive(CALL)
    # Header and message header of the HelloVerifyRequest, its version, and the cookie's length.
    cookie = server.sent[-1][13 + 12 + 2 :]
    session = 13 + 12 + 2 + 32
    assert CALL[session : session + 2] == b"\0\0"

    server.handshake.receive(CALL[: session + 1] + cookie + CALL[session + 2 :])

    assert [library.verifies_hello for library in server.libraries] == [False, True]
    server.handshake.end()


async def test_a_missing_ack_after_the_handshake_ends_nothing(scene: partial[Scene]) -> None:
    server = scene(DtlsRole.SERVER)
    complete(server, DtlsRole.SERVER)
    server.library.ready, server.library.timeout = [b"an update of keys"], 0.0
    server.library.silent = True

    server.handshake.flush()
    await turns()

    assert server.failures == []
    server.handshake.end()


async def test_post_handshake_messages_are_retransmitted_until_the_end(
    scene: partial[Scene],
) -> None:
    server = scene(DtlsRole.SERVER)
    complete(server, DtlsRole.SERVER)
    server.library.ready, server.library.timeout = [b"an update of keys"], 0.0
    server.handshake.flush()
    server.library.ready = [b"an update of keys"]

    await turns()
    assert server.sent == [b"an update of keys"] * 2

    server.handshake.end()
    server.library.ready = [b"late"]
    await turns()
    assert b"late" not in server.sent


def complete(end: Scene, role: DtlsRole) -> None:
    end.library.done, end.library.ready = True, [LAST_FLIGHT]
    end.handshake.receive(CALL if role is DtlsRole.SERVER else HELLO)
    assert end.handshake.complete
    end.sent.clear()


async def turns() -> None:
    """Let timers that are due run."""
    for _ in range(3):
        await asyncio.sleep(0.002)


async def test_flight_gets_smaller_where_openssl_sends_it_again_before_our_timer(
    scene: partial[Scene],
) -> None:
    end = scene(DtlsRole.SERVER)
    end.library.ready = [bytes(1100)]
    end.handshake.receive(CALL)
    end.handshake.receive(CALL)
    end.library.timeout = 0.0
    end.handshake.receive(CALL)
    end.handshake.end()

    assert end.library.mtus == [MTU, MTU, SMALLER_MTUS[0]]
