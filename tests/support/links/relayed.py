"""Owns a link between two connections that loses what a test says, through any ICE restart.

Each address of one side is represented to the other by a socket of its own, so that the two never
see each other's addresses: whatever they send passes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from signaling import Answer, Candidate, Channel, Offer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from signaling import PeerMessage

Address = tuple[str, int]

_HOST = "127.0.0.1"
_PLACE = re.compile(r"(candidate:\S+ 1 (?i:udp) \d+ )(\S+) (\d+)( typ host)")
_LARGEST = 2048


class Link:
    """Sockets that stand for addresses.

    Args:
        loss: The share of the datagrams that get lost, from 0 to 1.
        seed: Of the chance.
        host: Where its sockets are. Firefox takes no address of the loopback.

    Attributes:
        passes: Which datagrams are let through, besides.
        lost_rtp: How many RTP packets were lost here, by SSRC.
    """

    def __init__(self, loss: float = 0.0, seed: int = 1, host: str = _HOST) -> None:
        self.loss = loss
        self.lost_rtp: dict[int, int] = {}
        self.passes: Callable[[bytes], bool] = lambda _: True
        self._random = random.Random(seed)
        self._host = host
        self._faces: dict[Address, socket.socket] = {}
        self._dead: frozenset[Address] = frozenset()

    def rerouted(self, text: str) -> str:
        """The candidates in a text, with the addresses that stand for them."""
        return _PLACE.sub(self._rewrite, text)

    def cut(self) -> None:
        """Lose everything from now on that goes over the addresses that are known so far."""
        self._dead = frozenset(self._faces)

    def close(self) -> None:
        """Close all sockets."""
        for face in self._faces.values():
            asyncio.get_running_loop().remove_reader(face)
            face.close()

    def _rewrite(self, found: re.Match[str]) -> str:
        head, host, port, tail = found.groups()
        face_host, face_port = self._face((host, int(port))).getsockname()
        return f"{head}{face_host} {face_port}{tail}"

    def _face(self, home: Address) -> socket.socket:
        if home not in self._faces:
            face = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            face.setblocking(False)
            face.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            face.bind((self._host, 0))
            self._faces[home] = face
            asyncio.get_running_loop().add_reader(face, self._readable, face, home)
        return self._faces[home]

    def _readable(self, face: socket.socket, home: Address) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _ in range(64):
                data, source = face.recvfrom(_LARGEST)
                is_lost = home in self._dead or self._random.random() < self.loss
                if is_lost or not self.passes(data):
                    self._note(data)
                else:
                    self._face(source).sendto(data, home)

    def _note(self, data: bytes) -> None:
        if 128 <= data[0] <= 191 and not 192 <= data[1] <= 223:
            ssrc = int.from_bytes(data[8:12])
            self.lost_rtp[ssrc] = self.lost_rtp.get(ssrc, 0) + 1


def is_in_clear(datagram: bytes) -> bool:
    """Whether it begins with a DTLS record without keys."""
    return 20 <= datagram[0] <= 63 and datagram[3:5] == bytes(2)


class RelayedChannel(Channel):
    """Signals over another channel, so that the data goes over a link."""

    def __init__(self, channel: Channel, link: Link) -> None:
        self._channel = channel
        self._link = link

    async def send(self, message: PeerMessage) -> None:
        """Send, with the addresses of the link."""
        match message:
            case Offer(sdp=sdp):
                message = Offer(sdp=self._link.rerouted(sdp))
            case Answer(sdp=sdp):
                message = Answer(sdp=self._link.rerouted(sdp))
            case Candidate():
                message = _candidate(message, self._link)
            case _:
                pass
        await self._channel.send(message)

    async def receive(self) -> PeerMessage:
        """Receive what the other side has sent."""
        return await self._channel.receive()

    async def close(self, reason: str = "") -> None:
        """Close the channel below."""
        await self._channel.close(reason)


def _candidate(message: Candidate, link: Link) -> Candidate:
    candidate = message.ice_candidate
    if candidate is None:
        return message
    return Candidate.of(replace(candidate, candidate=link.rerouted(candidate.candidate)))


@contextlib.contextmanager
def link(loss: float = 0.0, seed: int = 1, host: str = _HOST) -> Iterator[Link]:
    """A link that is closed at the end."""
    made = Link(loss, seed, host)
    try:
        yield made
    finally:
        made.close()
