"""One question to each STUN server: who is asked, who is not, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from aioice import stun

from peer.transport.adapters.ice_socket import IceSocket
from peer.transport.ice.probing import probe_stun, probe_turn
from peer.transport.ice.servers import (
    ServerFailure,
    StunServer,
    TurnServer,
    TurnTransportProtocol,
)
from tests.support.clock.virtual_time import in_virtual_time, run_in_virtual_time
from tests.support.negotiation.connections import within
from tests.support.network.free_ports import free_run

HOME = ["127.0.0.1"]
Address = tuple[str, int]


class ScriptedStunServer(asyncio.DatagramProtocol):
    """STUN server that answers as a NAT of the test's choice would have it.

    Args:
        mapped: Port that it sees a request from; None for the true one.
        other: OTHER-ADDRESS of its answers.
        code: Error code of its answers.
        silent: Whether it answers nothing.
    """

    def __init__(
        self,
        *,
        mapped: int | None = None,
        other: Address | None = None,
        code: int | None = None,
        silent: bool = False,
    ) -> None:
        self.mapped = mapped
        self.other = other
        self.code = code
        self.silent = silent
        self.address: Address = ("", 0)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # as asyncio calls it
        self._transport = transport
        self.address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self.silent:
            return
        request = stun.parse_message(data)
        failed = self.code is not None
        answer = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.ERROR if failed else stun.Class.RESPONSE,
            transaction_id=request.transaction_id,
        )
        if failed:
            answer.attributes["ERROR-CODE"] = (self.code, "No")
        else:
            answer.attributes["XOR-MAPPED-ADDRESS"] = (addr[0], self.mapped or addr[1])
        if self.other is not None:
            answer.attributes["OTHER-ADDRESS"] = self.other
        assert self._transport is not None
        self._transport.sendto(bytes(answer), addr)

    @property
    def server(self) -> StunServer:
        host, port = self.address
        return StunServer(host, port, f"stun:{host}:{port}")


@contextlib.asynccontextmanager
async def listening(
    server: ScriptedStunServer, *, at: Address = ("127.0.0.1", 0)
) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=at)
    try:
        yield
    finally:
        transport.close()


async def test_all_servers_see_the_same_socket() -> None:
    servers = ScriptedStunServer(), ScriptedStunServer(mapped=4000)
    async with listening(servers[0]), listening(servers[1]):
        probe = await within(
            probe_stun([each.server for each in servers], timeout=60, interfaces=HOME)
        )

    (seen,) = probe.sockets
    assert probe.failures == ()
    assert {sight.server: sight.mapped for sight in seen.sights} == {
        servers[0].address: seen.local,
        servers[1].address: ("127.0.0.1", 4000),
    }


async def test_the_second_address_of_a_server_is_asked_at_both_ports() -> None:
    first, second, third = ScriptedStunServer(), ScriptedStunServer(), ScriptedStunServer()
    port, other_port = free_run(2)
    async with (
        listening(first, at=("127.0.0.1", port)),
        listening(second, at=("127.0.0.2", port)),
        listening(third, at=("127.0.0.2", other_port)),
    ):
        first.other = third.address
        probe = await within(probe_stun([first.server], timeout=60, interfaces=HOME))

    (seen,) = probe.sockets
    assert {sight.server for sight in seen.sights} == {
        first.address,
        second.address,
        third.address,
    }


def test_a_second_address_that_is_silent_leaves_what_was_seen() -> None:
    async def ask() -> None:
        server = ScriptedStunServer(other=("127.0.0.2", 9))
        async with listening(server):
            probe = await probe_stun([server.server], timeout=3, interfaces=HOME)
        (seen,) = probe.sockets
        assert [sight.server for sight in seen.sights] == [server.address]
        assert probe.failures == ()

    assert run_in_virtual_time(ask) == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize(
    "elsewhere",
    ["127.0.0.1", "192.0.2.1", "198.51.100.1", "10.0.0.1", "224.0.0.1", "0.0.0.0", "8.8.8.8"],
)
async def test_a_server_leads_no_request_to_an_address_of_another_kind(
    elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Address] = []
    send = IceSocket.send_stun

    def note(self: IceSocket, message: stun.Message, address: Address) -> None:
        asked.append(address)
        send(self, message, address)

    monkeypatch.setattr(IceSocket, "send_stun", note)
    server = ScriptedStunServer(other=(elsewhere, 3479))
    async with listening(server):
        await within(probe_stun([server.server], timeout=60, interfaces=HOME))

    assert asked == [server.address]


async def test_a_server_that_refuses_is_named_with_its_code() -> None:
    server = ScriptedStunServer(code=420)
    async with listening(server):
        probe = await within(probe_stun([server.server], timeout=60, interfaces=HOME))

    assert probe.failures == (ServerFailure(server.server.url, "No", code=420),)


async def test_no_server_is_asked_where_none_is_named() -> None:
    probe = await within(probe_stun([], timeout=60, interfaces=HOME))

    assert [each.local[0] for each in probe.sockets] == HOME
    assert probe.failures == ()


def test_a_silent_stun_server_is_waited_for_no_longer_than_its_time() -> None:
    async def ask() -> None:
        silent = ScriptedStunServer(silent=True)
        async with listening(silent):
            probe = await probe_stun([silent.server], timeout=3, interfaces=HOME)
        assert [each.reason for each in probe.failures] == ["no answer within 3 s"]

    assert run_in_virtual_time(ask) == pytest.approx(3, abs=0.1)


@in_virtual_time
async def test_a_turn_server_that_takes_a_connection_and_says_nothing_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = TurnServer(
            "127.0.0.1", port, TurnTransportProtocol.TCP, "u", "p", f"turn:127.0.0.1:{port}"
        )
        begun = asyncio.get_running_loop().time()
        outcome = await probe_turn(server, timeout=3)

    assert isinstance(outcome, ServerFailure)
    assert outcome.reason == "no answer within 3 s"
    assert asyncio.get_running_loop().time() - begun < 10
