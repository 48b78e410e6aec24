"""A UDP link between two connections that delays, loses and reorders datagrams."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

Address = tuple[str, int]

#: One-way delay in seconds, impaired or not (ours).
DELAY = 0.02
#: Extra delay in seconds of a reordered packet: about one video frame (ours).
BEHIND = 0.03

_HOST = "127.0.0.1"
_CANDIDATE = re.compile(
    r"a=candidate:(\S+ \d+) (?:udp|UDP) (\d+) (\S+) (\d+) typ host[^\r\n]*\r?\n"
)
#: Most bytes of a datagram, and size of a socket's receive buffer in bytes (ours).
_LARGEST = 2048
_BUFFER = 1 << 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """Impairment of all datagrams in both directions, media and RTCP alike.

    Args:
        loss: Share of datagrams that are lost, 0 to 1.
        reordered: Share of datagrams that are delayed by `BEHIND`, 0 to 1.
        jitter: Most seconds of random extra delay; datagrams overtake each other.
        down: Seconds from its begin on in which no datagram passes.
    """

    loss: float = 0.0
    reordered: float = 0.0
    jitter: float = 0.0
    down: float = 0.0


CALM = Impairment()


class LossyLink:
    """Forwards between two ends, each of which sees a socket in place of the other end.

    Args:
        seed: Seed of the random numbers, which each direction draws by itself.

    Attributes:
        octets: Octets that the first end has sent.
    """

    def __init__(self, seed: int) -> None:
        self.octets = 0
        self._trouble = CALM
        self._since = 0.0
        self._chances = [random.Random(f"{seed} {end}") for end in range(2)]
        self._faces: list[socket.socket] = []
        self._homes: list[Address] = []
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        for end in range(2):
            face = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            face.setblocking(False)
            face.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            face.bind((_HOST, 0))
            self._faces.append(face)
            self._loop.add_reader(face, self._readable, face, end)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for face in self._faces:
            self._loop.remove_reader(face)
            face.close()
        self._faces.clear()

    def rerouted(self, description: str) -> str:
        """Return the offer, and then the answer, with this link's address in the candidate.

        Raises:
            ValueError: The description has no IPv4 candidate.
        """
        end = len(self._homes)
        found = [match for match in _CANDIDATE.finditer(description) if "." in match[3]]
        if not found:
            raise ValueError("no candidate of IPv4")
        home = found[0][3], int(found[0][4])
        self._homes.append(home)
        host, port = self._faces[end].getsockname()

        def place(match: re.Match[str]) -> str:
            if (match[3], int(match[4])) != home:
                return ""
            return f"a=candidate:{match[1]} udp {match[2]} {host} {port} typ host\r\n"

        return _CANDIDATE.sub(place, description)

    def impair(self, trouble: Impairment) -> None:
        """Apply an impairment from now on."""
        self._trouble = trouble
        self._since = self._loop.time()

    def _readable(self, face: socket.socket, end: int) -> None:
        """Forward datagrams from the socket in place of an end to that end."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _ in range(64):
                data = face.recv(_LARGEST)
                self.octets += len(data) if end == 1 else 0
                delay = self._fate(data, self._chances[end])
                if delay is not None:
                    # Not the loop's own time of this turn: what comes later is to leave later.
                    self._loop.call_at(self._loop.time() + delay, partial(self._give, end, data))

    def _fate(self, data: bytes, chance: random.Random) -> float | None:
        trouble = self._trouble
        if trouble.down and self._loop.time() < self._since + trouble.down:
            return None
        # What is not media takes no part: whether it comes is another question.
        if not 128 <= data[0] <= 191:
            return DELAY
        lost, behind, late = chance.random(), chance.random(), chance.random()
        if lost < trouble.loss:
            return None
        return DELAY + (BEHIND if behind < trouble.reordered else 0.0) + late * trouble.jitter

    def _give(self, end: int, data: bytes) -> None:
        if self._faces and end < len(self._homes):
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self._faces[1 - end].sendto(data, self._homes[end])
