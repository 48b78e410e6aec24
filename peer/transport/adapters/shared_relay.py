"""TURN allocation below a `OnePort`: the forks of one offer share its relayed address."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from peer.transport.net.udp import SECONDS_PER_TURN, PromptTransport, send_until_refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aioice.turn import TurnTransport

    from peer.times import Seconds
    from peer.transport.net.one_port import OnePort

#: Datagrams that may wait for a TURN channel; more are refused (ours).
MAX_RELAY_SENDS = 64
#: Bytes that may wait for the TCP connection to a TURN server; more are refused (ours).
MAX_RELAY_BYTES = 256 * 1024


class SharedRelay(PromptTransport, asyncio.DatagramProtocol):
    """Gives the datagrams of a TURN allocation to a port, and deletes it when the port is closed.

    Args:
        relay: aioice's allocation, owned by this object from now on.
        port: The port.
    """

    def __init__(self, relay: TurnTransport, port: OnePort) -> None:
        super().__init__({"sockname": relay.get_extra_info("sockname")})
        self._relay = relay
        self._port = port
        inner_protocol(relay).receiver = self

    def __repr__(self) -> str:
        """Show the relayed address."""
        return f"<SharedRelay {self.get_extra_info('sockname')}>"

    def transmit(self, datagram: bytes, address: tuple[Any, ...]) -> bool:
        """Send a datagram by the server; return False where too many wait already."""
        if self._closing or not relay_has_room(self._relay):
            return False
        self._relay.sendto(datagram, (address[0], address[1]))
        return True

    def transmit_all(self, datagrams: Sequence[bytes], address: tuple[Any, ...]) -> int:
        """Send several datagrams in order; return how many were sent, from the first on."""
        return send_until_refused(lambda datagram: self.transmit(datagram, address), datagrams)

    def drain(self, limit: int, seconds: Seconds = SECONDS_PER_TURN) -> None:
        """Leave the reading to asyncio: an allocation holds nothing back."""

    def close(self) -> None:
        """Begin to delete the allocation; `released` waits for it."""
        if not self._closing:
            self._closing = True
            self._relay.close()

    async def released(self, timeout: Seconds) -> None:
        """Wait until the server has deleted the allocation, no longer than `timeout` seconds."""
        await release_relay(self._relay, timeout)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Give a datagram to its share; called by aioice."""
        self._port.on_udp(data, addr)
        self._port.serve()

    def error_received(self, exc: Exception) -> None:
        """Tell the shares of a refusal of the server; called by aioice."""
        self._port.on_refusal(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the shares that the server has hung up, or that all is over; called by aioice."""
        self._port.on_lost(exc)


def inner_protocol(relay: TurnTransport) -> Any:
    """Return aioice's protocol between us and the TURN server."""
    return relay._TurnTransport__inner_protocol  # type: ignore[attr-defined]  # mangled


def relay_has_room(relay: TurnTransport) -> bool:
    """Tell whether a datagram may wait for the TURN server, or its channel."""
    if inner_protocol(relay).transport.get_write_buffer_size() > MAX_RELAY_BYTES:
        return False
    waiting = relay._TurnTransport__send_tasks  # type: ignore[attr-defined]  # mangled
    return len(waiting) < MAX_RELAY_SENDS


async def release_relay(relay: TurnTransport, timeout: Seconds) -> None:
    """Delete an allocation, and wait for the TURN server no longer than `timeout` seconds."""
    relay.close()
    deletion = relay._TurnTransport__close_task  # type: ignore[attr-defined]  # mangled
    sends = set(relay._TurnTransport__send_tasks)  # type: ignore[attr-defined]  # mangled
    await asyncio.wait([deletion], timeout=timeout)
    unfinished = {task for task in (deletion, *sends) if not task.done()}
    for task in unfinished:
        task.cancel()
    if unfinished:
        await asyncio.wait(unfinished)
    inner_protocol(relay).transport.abort()
