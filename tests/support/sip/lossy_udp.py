"""A path of UDP that loses and doubles datagrams, between two sockets that never see each other.

::

    async with LossyPath(seed=1) as path:
        caller = await open_transport(path.url)
        called = await open_transport(path.back_url)
        path.reach(called.via.port)
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

HOST = "127.0.0.1"
#: Seconds after which a second copy of a datagram comes, at the most (ours): later than the first
#: repetition, so that it passes newer messages.
_LATE = 1.0
#: Share of datagrams that come twice (ours).
_DOUBLING = 0.2


class LossyPath:
    """Two sockets: what comes to one goes out of the other, if it goes.

    Args:
        seed: Seed of the choice.
        loss: Share of datagrams that are lost.

    Attributes:
        counts: Datagrams that were lost, doubled, and passed once.
    """

    def __init__(self, *, seed: int, loss: float = 0.2) -> None:
        self.counts: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._loss = loss

    async def __aenter__(self) -> LossyPath:
        self._front, self._back = await _Side.open(self), await _Side.open(self)
        self._front.other, self._back.other = self._back, self._front
        return self

    async def __aexit__(self, *_: object) -> None:
        for side in (self._front, self._back):
            side.transport.close()

    @property
    def url(self) -> str:
        """URL of the other end, for the one that calls."""
        return f"sip:{HOST}:{self._front.port};transport=udp"

    @property
    def back_url(self) -> str:
        """URL of the one that calls, for the other end."""
        return f"sip:{HOST}:{self._back.port};transport=udp"

    def reach(self, port: int | None) -> None:
        """Send to this port what comes from the one that calls."""
        assert port
        self._back.target = (HOST, port)

    def carry(self, data: bytes, by: _Side) -> None:
        """Lose a datagram, or send it once or twice."""
        chance = self._random.random()
        if chance < self._loss:
            self.counts["lost"] += 1
            return
        by.send(data)
        if chance > 1 - _DOUBLING:
            self.counts["doubled"] += 1
            late = _LATE * self._random.random()
            asyncio.get_running_loop().call_later(late, by.send, data)
        else:
            self.counts["passed"] += 1


class _Side(asyncio.DatagramProtocol):
    """One of the two sockets."""

    def __init__(self, path: LossyPath) -> None:
        self._path = path
        self.other = self
        self.target: tuple[str, int] | None = None
        self.transport: asyncio.DatagramTransport

    @classmethod
    async def open(cls, path: LossyPath) -> _Side:
        loop = asyncio.get_running_loop()
        _, side = await loop.create_datagram_endpoint(lambda: cls(path), local_addr=(HOST, 0))
        return side

    @property
    def port(self) -> int:
        port: int = self.transport.get_extra_info("sockname")[1]
        return port

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.target = addr
        # Keep-alives would be counted as well, and are for nobody.
        if data.strip():
            self._path.carry(data, self.other)

    def send(self, data: bytes) -> None:
        if self.target is not None and not self.transport.is_closing():
            self.transport.sendto(data, self.target)
