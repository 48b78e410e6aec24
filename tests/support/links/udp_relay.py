"""UDP relay between two connections that drops datagrams as a test says, through ICE restarts.

Each address of one side is represented to the other by a socket of its own, so that the two never
see each other's addresses, and every datagram passes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from peer.transport.net.udp import enlarge_buffers
from signaling import Answer, Candidate, Channel, Offer
from tests.support.negotiation.connections import local

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from peer import PeerConnection
    from signaling import PeerMessage

Address = tuple[str, int]

_HOST = "127.0.0.1"
#: Feedback that asks for lost packets again (RFC 4585 section 4.2).
_NACK = re.compile(r"a=rtcp-fb:\d+ nack\r\n")
_CANDIDATE = re.compile(r"(candidate:\S+ 1 (?i:udp) \d+ )(\S+) (\d+)( typ host)")
_MAX_DATAGRAM_SIZE = 2048


class UdpRelay:
    """Sockets that represent the addresses of each side to the other.

    Args:
        loss: Share of the datagrams that are dropped, from 0 to 1.
        seed: Seed of the random choice.
        host: Address of its sockets; Firefox takes none of the loopback.

    Attributes:
        repairs: False to take NACK out of descriptions: what is lost here stays lost.
        delay: Seconds that a datagram is under way.
        passes: Returns False for a datagram to be dropped besides.
        lost_rtp: RTP packets dropped here, by SSRC.
    """

    def __init__(self, loss: float = 0.0, seed: int = 1, host: str = _HOST) -> None:
        self.loss = loss
        self.repairs = True
        self.delay = 0.0
        self.lost_rtp: dict[int, int] = {}
        self.passes: Callable[[bytes], bool] = lambda _: True
        self._random = random.Random(seed)
        self._host = host
        self._sockets: dict[Address, socket.socket] = {}
        self._cut_off: frozenset[Address] = frozenset()

    def rerouted(self, text: str) -> str:
        """Replace the addresses of the candidates in a text by those of the relay."""
        if not self.repairs:
            text = _NACK.sub("", text)
        return _CANDIDATE.sub(self._rewrite, text)

    def cut(self) -> None:
        """Drop all datagrams for the addresses known so far, from now on."""
        self._cut_off = frozenset(self._sockets)

    def rebind(self, own: Collection[Address]) -> None:
        """Give every address but these another port, as a NAT does that has forgotten its flows.

        Args:
            own: Addresses that keep the port by which the other side knows them.
        """
        for home in [home for home in self._sockets if home not in own]:
            former = self._sockets.pop(home)
            self._socket_for(home)
            asyncio.get_running_loop().remove_reader(former)
            former.close()

    def close(self) -> None:
        """Close all sockets of the relay."""
        for sock in self._sockets.values():
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    def _rewrite(self, found: re.Match[str]) -> str:
        head, host, port, tail = found.groups()
        face_host, face_port = self._socket_for((host, int(port))).getsockname()
        return f"{head}{face_host} {face_port}{tail}"

    def _socket_for(self, home: Address) -> socket.socket:
        if home not in self._sockets:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            # What comes at once after a busy machine stood still is not to be lost here, uncounted.
            enlarge_buffers(sock)
            sock.bind((self._host, 0))
            self._sockets[home] = sock
            asyncio.get_running_loop().add_reader(sock, self._readable, sock, home)
        return self._sockets[home]

    def _readable(self, sock: socket.socket, home: Address) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _ in range(64):
                data, source = sock.recvfrom(_MAX_DATAGRAM_SIZE)
                is_lost = home in self._cut_off or self._random.random() < self.loss
                if is_lost or not self.passes(data):
                    self._note(data)
                else:
                    self._forward(self._socket_for(source), data, home)

    def _forward(self, sock: socket.socket, data: bytes, home: Address) -> None:
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, _send, sock, data, home)
        else:
            sock.sendto(data, home)

    def _note(self, data: bytes) -> None:
        if 128 <= data[0] <= 191 and not 192 <= data[1] <= 223:
            ssrc = int.from_bytes(data[8:12])
            self.lost_rtp[ssrc] = self.lost_rtp.get(ssrc, 0) + 1


def _send(sock: socket.socket, data: bytes, home: Address) -> None:
    # The relay may have been closed meanwhile.
    if sock.fileno() != -1:
        sock.sendto(data, home)


def is_in_clear(datagram: bytes) -> bool:
    """Return True if the datagram begins with an unencrypted DTLS record (epoch 0)."""
    return 20 <= datagram[0] <= 63 and datagram[3:5] == bytes(2)


class RelayedChannel(Channel):
    """Signals over another channel, with candidates rewritten so that datagrams take the relay."""

    def __init__(self, channel: Channel, relay: UdpRelay) -> None:
        self._channel = channel
        self._relay = relay

    async def send(self, message: PeerMessage) -> None:
        """Send a message with the addresses of the relay."""
        match message:
            case Offer(sdp=sdp):
                message = Offer(sdp=self._relay.rerouted(sdp))
            case Answer(sdp=sdp):
                message = Answer(sdp=self._relay.rerouted(sdp))
            case Candidate():
                message = _candidate(message, self._relay)
            case _:
                pass
        await self._channel.send(message)

    async def receive(self) -> PeerMessage:
        """Receive a message of the other side."""
        return await self._channel.receive()

    async def close(self, reason: str = "") -> None:
        """Close the channel below this one."""
        await self._channel.close(reason)


def _candidate(message: Candidate, relay: UdpRelay) -> Candidate:
    candidate = message.ice_candidate
    if candidate is None:
        return message
    return Candidate.of(replace(candidate, candidate=relay.rerouted(candidate.candidate)))


async def negotiate_over(
    relay: UdpRelay, offerer: PeerConnection, answerer: PeerConnection
) -> None:
    """Exchange an offer and an answer once, with the addresses of the relay."""
    await offerer.setLocalDescription()
    offer = local(offerer)
    await answerer.setRemoteDescription(replace(offer, sdp=relay.rerouted(offer.sdp)))
    await answerer.setLocalDescription()
    answer = local(answerer)
    await offerer.setRemoteDescription(replace(answer, sdp=relay.rerouted(answer.sdp)))


@contextlib.contextmanager
def udp_relay(loss: float = 0.0, seed: int = 1, host: str = _HOST) -> Iterator[UdpRelay]:
    """Open a relay, and close it at the end."""
    made = UdpRelay(loss, seed, host)
    try:
        yield made
    finally:
        made.close()
