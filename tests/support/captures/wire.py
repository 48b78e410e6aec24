"""UDP relays between two connections that capture each datagram, and can drop or change it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import SessionDescription

Address = tuple[str, int]

_CANDIDATE = re.compile(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host\r\n")
_HOST = "127.0.0.1"


class Side(StrEnum):
    """Connection of a call by its part in the first exchange."""

    OFFERER = "offerer"
    ANSWERER = "answerer"

    @property
    def other(self) -> Side:
        return Side.ANSWERER if self is Side.OFFERER else Side.OFFERER


@dataclass(frozen=True, slots=True)
class Captured:
    """One datagram as a connection sent it.

    Args:
        sender: Side that sent it.
        path: Index of the wire's path, from 0.
        data: The datagram.
    """

    sender: Side
    path: int
    data: bytes

    @property
    def is_stun(self) -> bool:
        return self.data[0] <= 3

    @property
    def is_dtls(self) -> bool:
        return 20 <= self.data[0] <= 63

    @property
    def is_srtp(self) -> bool:
        return 128 <= self.data[0] <= 191


#: Decides on a datagram: returns the datagrams to send on in its place.
Fate = Callable[[Captured], Iterable[bytes]]


def pass_on(datagram: Captured) -> Iterable[bytes]:
    """Send a datagram on as it is."""
    yield datagram.data


class _Face(asyncio.DatagramProtocol):
    """Socket that one side takes for the other."""

    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._received(data, addr)


class Path:
    """One path between the sides, each of which knows only the socket that stands for the other.

    Attributes:
        faces: Sockets; `faces[side]` is the one that `side` takes for its peer.
        homes: Addresses of the sides themselves.
    """

    def __init__(self, wire: Wire, number: int, section: int) -> None:
        self.section = section
        self.faces: dict[Side, asyncio.DatagramTransport] = {}
        self.homes: dict[Side, Address] = {}
        self._wire = wire
        self._number = number

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        for side in Side:
            transport, _ = await loop.create_datagram_endpoint(
                lambda side=side: _Face(  # type: ignore[misc]  # mypy cannot infer a default
                    lambda data, addr: self._received(side, data, addr)
                ),
                local_addr=(_HOST, 0),
            )
            self.faces[side] = transport

    def close(self) -> None:
        for face in self.faces.values():
            face.close()

    def candidate(self, side: Side, priority: int) -> str:
        """Write the candidate line that leads `side` to this path."""
        host, port = self.faces[side].get_extra_info("sockname")
        return f"a=candidate:{self._number + 1} 1 udp {priority} {host} {port} typ host\r\n"

    def inject(self, side: Side, data: bytes) -> None:
        """Send `side` a datagram from its peer's own address."""
        self.faces[side].sendto(data, self.homes[side])

    def _received(self, sender: Side, data: bytes, addr: Address) -> None:
        if self.homes.setdefault(sender, addr) != addr:
            return
        captured = Captured(sender, self._number, data)
        for each in self._wire.captured(captured):
            if sender.other in self.homes:
                self.inject(sender.other, each)


class Wire:
    """Paths between two connections, with a log of all datagrams.

    Attributes:
        log: Datagrams of either connection, in order.
        fate: Decides on each datagram.
        paths: In the order of the m-sections, `paths_each` for each that has candidates.
    """

    def __init__(self, paths_each: int) -> None:
        self.log: list[Captured] = []
        self.fate: Fate = pass_on
        self.paths: list[Path] = []
        self._paths_each = paths_each
        self._changed = asyncio.Event()

    async def offer(self, description: SessionDescription) -> SessionDescription:
        """Open the paths, and rewrite the offer as the answerer is to see it."""
        for section, addresses in enumerate(_addresses(description)):
            for _ in range(self._paths_each if addresses else 0):
                path = Path(self, len(self.paths), section)
                self.paths.append(path)
                await path.open()
                path.homes[Side.OFFERER] = addresses[0]
        return self._rerouted(description, Side.ANSWERER)

    def answer(self, description: SessionDescription) -> SessionDescription:
        """Rewrite the answer as the offerer is to see it."""
        addresses = _addresses(description)
        for path in self.paths:
            if addresses[path.section]:
                path.homes.setdefault(Side.ANSWERER, addresses[path.section][0])
        return self._rerouted(description, Side.OFFERER)

    def captured(self, datagram: Captured) -> Iterable[bytes]:
        """Log a datagram of a path, and decide on it."""
        self.log.append(datagram)
        self._changed.set()
        return self.fate(datagram)

    def of(self, sender: Side | None = None, path: int | None = None) -> Iterator[Captured]:
        """Select logged datagrams by sender and path."""
        for each in tuple(self.log):
            if sender in (None, each.sender) and path in (None, each.path):
                yield each

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a logged datagram makes a condition true."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def close(self) -> None:
        for path in self.paths:
            path.close()

    def _rerouted(self, description: SessionDescription, reader: Side) -> SessionDescription:
        parts = _sections(description)
        for index, part in enumerate(parts[1:]):
            here = [path for path in self.paths if path.section == index]
            lines = "".join(
                path.candidate(reader, 2130706431 - 256 * rank) for rank, path in enumerate(here)
            )
            if _CANDIDATE.search(part):
                once = _CANDIDATE.sub("", part)
                ending = "a=end-of-candidates\r\n"
                parts[index + 1] = once.replace(ending, "") + lines + ending
        return replace(description, sdp="".join(parts))


@asynccontextmanager
async def wire(paths: int = 1) -> AsyncIterator[Wire]:
    """Open a wire on the loopback.

    Args:
        paths: Paths for each transport, the best first.
    """
    made = Wire(paths)
    try:
        yield made
    finally:
        made.close()


@asynccontextmanager
async def third_party() -> AsyncIterator[ThirdParty]:
    """Open a socket that belongs to neither side."""
    made = ThirdParty()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Face(made.received), local_addr=(_HOST, 0)
    )
    made.transport = transport
    try:
        yield made
    finally:
        transport.close()


class ThirdParty:
    """Third party at an address that no ICE check has validated.

    Attributes:
        answers: Datagrams that came back.
    """

    transport: asyncio.DatagramTransport

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a datagram that came back makes a condition true."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def send(self, data: bytes, address: Address) -> None:
        self.transport.sendto(data, address)

    def received(self, data: bytes, _: Address) -> None:
        self.answers.append(data)
        self._changed.set()


def _sections(description: SessionDescription) -> list[str]:
    return re.split(r"(?m)^(?=m=)", description.sdp)


def _addresses(description: SessionDescription) -> list[list[Address]]:
    """Parse the candidate addresses of each m-section."""
    return [
        [(host, int(port)) for host, port in _CANDIDATE.findall(part)]
        for part in _sections(description)[1:]
    ]
