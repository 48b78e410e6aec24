"""ICE peer that sends exactly what a test says: one socket that speaks STUN by hand."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from aioice import stun

from peer.ice import CandidateFields
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from peer.ice import IceParameters

Address = tuple[str, int]


def connectivity_check(
    own: IceParameters,
    other: IceParameters,
    *,
    nominate: bool = False,
    controlling: bool = True,
    tie_breaker: int | None = None,
    password: str | None = None,
    without: str | None = None,
) -> stun.Message:
    """Build a connectivity check of `own` to `other`, with its MESSAGE-INTEGRITY."""
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{other.username_fragment}:{own.username_fragment}"
    role = "ICE-CONTROLLING" if controlling else "ICE-CONTROLLED"
    message.attributes["PRIORITY"] = 1853824767
    message.attributes[role] = secrets.randbits(63) if tie_breaker is None else tie_breaker
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    if without is not None:
        del message.attributes[without]
    message.add_message_integrity((password or other.password).encode())
    return message


class ScriptedIcePeer(asyncio.DatagramProtocol):
    """One address of a scripted ICE peer.

    Attributes:
        answering: Answer checks.
        error: The error code to answer them with, or None for success.
        answer_password: Key of the MESSAGE-INTEGRITY of answers, or None for the right one.
        on_check: Called after each received check.
        checks: Received checks.
        answers: Received STUN responses.
        datagrams: Other received datagrams.
    """

    transport: asyncio.DatagramTransport

    def __init__(self, own: IceParameters, other: IceParameters) -> None:
        self.answering = True
        self.error: int | None = None
        self.answer_password: str | None = None
        self.on_check: Callable[[], None] | None = None
        self.checks: list[stun.Message] = []
        self.answers: list[stun.Message] = []
        self.datagrams: list[bytes] = []
        self._own = own
        self._other = other
        self._changed = asyncio.Event()

    @property
    def address(self) -> Address:
        host, port = self.transport.get_extra_info("sockname")
        return host, port

    @property
    def candidate(self) -> CandidateFields:
        """This address as a host candidate."""
        host, port = self.address
        return CandidateFields("1", 1, "udp", 2130706431, host, port, "host")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if data[0] > 3:
            self.datagrams.append(data)
        else:
            message = stun.parse_message(data)
            if message.message_class is stun.Class.REQUEST:
                self.checks.append(message)
                self._answer(message, addr)
                if self.on_check is not None:
                    self.on_check()
            else:
                self.answers.append(message)
        self._changed.set()

    async def until(self, condition: Callable[[], bool], timeout: float = DEADLINE) -> None:
        """Wait until something that came makes the condition true."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def checked(self) -> None:
        """Wait for a check."""
        await self.until(lambda: bool(self.checks))

    def send(self, data: bytes, addr: Address) -> None:
        """Send any datagram."""
        self.transport.sendto(data, addr)

    def check(
        self,
        addr: Address,
        *,
        nominate: bool = False,
        controlling: bool = True,
        tie_breaker: int | None = None,
        password: str | None = None,
        without: str | None = None,
    ) -> None:
        """Send a connectivity check."""
        message = connectivity_check(
            self._own,
            self._other,
            nominate=nominate,
            controlling=controlling,
            tie_breaker=tie_breaker,
            password=password,
            without=without,
        )
        self.send(bytes(message), addr)

    def answer_latest(self, addr: Address) -> None:
        """Answer the latest check now, which came while nothing was answered."""
        self.answering = True
        self._answer(self.checks[-1], addr)

    def _answer(self, request: stun.Message, addr: Address) -> None:
        if not self.answering:
            return
        answer = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE if self.error is None else stun.Class.ERROR,
            transaction_id=request.transaction_id,
        )
        if self.error is None:
            answer.attributes["XOR-MAPPED-ADDRESS"] = addr
        else:
            answer.attributes["ERROR-CODE"] = (self.error, "as told")
        answer.add_message_integrity((self.answer_password or self._own.password).encode())
        self.send(bytes(answer), addr)


@asynccontextmanager
async def scripted_ice_peer(
    own: IceParameters, other: IceParameters
) -> AsyncIterator[ScriptedIcePeer]:
    """Open an address of a scripted peer on loopback.

    Args:
        own: Credentials of the scripted side; several addresses may share them.
        other: Credentials of the transport under test.
    """
    loop = asyncio.get_running_loop()
    transport, peer = await loop.create_datagram_endpoint(
        lambda: ScriptedIcePeer(own, other), local_addr=("127.0.0.1", 0)
    )
    try:
        yield peer
    finally:
        transport.close()
