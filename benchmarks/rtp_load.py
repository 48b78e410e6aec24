"""Owns the other ends of the RTP benchmark: they send packets as told, and count what comes back.

They stand on our ICE and DTLS-SRTP, without any RTP engine, so that all subjects meet the same.
"""

from __future__ import annotations

import asyncio
import re
import struct
from typing import TYPE_CHECKING

from peer.candidates import CandidateFields
from peer.ice_parameters import IceParameters
from peer.identity.certificate import Certificate
from peer.identity.fingerprints import Fingerprint
from peer.rtp.rtcp import (
    FullIntraRequest,
    PictureLossIndication,
    ReceiverEstimatedMaximumBitrate,
    SourceDescription,
    parse,
    write,
)
from peer.states import DtlsRole, DtlsTransportState, IceRole, IceTransportState
from peer.transport.ice.generations import IceGenerations
from peer.transport.ice.transport import IceTransport
from peer.transport.interfaces import PacketHandlers
from peer.transport.secure.transport import SecureTransport
from peer.transport.wire.datagrams import DatagramClass, classify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.rtp_streams import Media
    from peer.errors import DtlsError
    from peer.rtp.rtcp import SenderReport

#: Bits a second that those who receive say they can take.
PLENTY = 10**9
_REMB_INTERVAL = 0.5
#: Of the packets that come back, one of so many is decrypted: the load shall not be the limit.
_SAMPLE = 16
_OWN_SSRC = 7

_HEADER = struct.Struct("!BBHII")


class Stream:
    """One outgoing RTP stream.

    Args:
        ssrc: Its own.
        payload_type: Of its packets.
    """

    def __init__(self, ssrc: int, payload_type: int) -> None:
        self.ssrc = ssrc
        self._payload_type = payload_type
        self._number = 0

    def packets(self, payloads: tuple[bytes, ...], timestamp: int) -> list[bytes]:
        """The packets of one frame."""
        made = []
        for index, payload in enumerate(payloads):
            marker = 0x80 if index == len(payloads) - 1 else 0
            header = _HEADER.pack(
                0x80,
                self._payload_type | marker,
                self._number,
                timestamp & 0xFFFFFFFF,
                self.ssrc,
            )
            self._number = (self._number + 1) & 0xFFFF
            made.append(header + payload)
        return made


class LoadEnd:
    """One connection to a subject, which is to answer its offer.

    Args:
        sections: What it sends or wants, an m-section each.
        sends: Whether it sends; it receives otherwise.

    Attributes:
        packets: RTP packets that came. A sample is authenticated; one that is not counts for all
            that it stands for.
        streams: What it may send.
        keyframes_wanted: How many times a key frame was asked for.
    """

    def __init__(self, sections: Sequence[Media], *, sends: bool) -> None:
        self.packets = 0
        self.keyframes_wanted = 0
        self._sections = sections
        self._sends = sends
        self._authenticated = 0
        self._heard_ssrc: int | None = None
        self._reminder: asyncio.TimerHandle | None = None
        self._certificate = Certificate.generate()
        self._local = IceParameters.generate()
        self._candidates: list[CandidateFields] = []
        self._gathered = asyncio.Event()
        self.streams = [
            Stream(1000 + index, media.payload_type) for index, media in enumerate(sections)
        ]
        self._ice = IceGenerations(
            self._local,
            make=lambda local, events: IceTransport(
                local=local, events=events, on_datagram=self.on_datagram
            ),
            events=self,
        )
        self._secure = SecureTransport(
            key="0", ice=self._ice, certificate=self._certificate, events=self
        )
        self._secure.deliver_to(PacketHandlers(self.on_rtp, self.on_rtcp, self.on_data))

    async def offer(self) -> str:
        """Gather, and describe itself."""
        await self._ice.gather()
        await self._gathered.wait()
        self._secure.listen(0, self._certificate)
        mids = range(len(self.streams))
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
        lines.append(f"a=group:BUNDLE {' '.join(map(str, mids))}")
        for mid in mids:
            lines += self._section(mid)
        return "".join(f"{line}\r\n" for line in lines)

    async def accept(self, answer: str) -> None:
        """Connect to whoever has answered."""
        remote = IceParameters(_value("ice-ufrag", answer), _value("ice-pwd", answer))
        self._ice.start(self._local.username_fragment, remote, IceRole.CONTROLLING)
        for line in set(re.findall(r"a=(candidate:[^\r\n]*)", answer)):
            candidate = CandidateFields.parse(line)
            self._ice.add_remote_candidate(self._local.username_fragment, candidate)
        active = _value("setup", answer) == "active"
        self._secure.connect(
            0,
            self._certificate,
            DtlsRole.SERVER if active else DtlsRole.CLIENT,
            [Fingerprint.parse(f) for f in set(re.findall(r"a=fingerprint:([^\r\n]*)", answer))],
        )
        await self._secure.connected()
        if not self._sends:
            self._remind()

    def send(self, packet: bytes) -> bool:
        """Send one RTP packet; whether the kernel took it."""
        return self._secure.send_rtp(packet)

    def report(self, report: SenderReport) -> None:
        """Send one."""
        self._secure.send_rtcp(write([report, SourceDescription(((report.ssrc, "load"),))]))

    async def close(self) -> None:
        """End it."""
        if self._reminder is not None:
            self._reminder.cancel()
        await self._secure.close()
        await self._ice.close()

    def _section(self, mid: int) -> list[str]:
        media = self._sections[mid]
        lines = [
            f"m={media.kind} 9 UDP/TLS/RTP/SAVPF {media.payload_type}",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{mid}",
            "a=sendonly" if self._sends else "a=recvonly",
            "a=rtcp-mux",
            f"a=rtpmap:{media.payload_type} {media.rtpmap}",
        ]
        if media.kind == "video":
            feedback = ("nack", "nack pli", "goog-remb")
            lines += [f"a=rtcp-fb:{media.payload_type} {each}" for each in feedback]
        if self._sends:
            lines.append(f"a=ssrc:{self.streams[mid].ssrc} cname:load")
        lines += [
            f"a=ice-ufrag:{self._local.username_fragment}",
            f"a=ice-pwd:{self._local.password}",
            f"a=fingerprint:{self._certificate.fingerprint()}",
            "a=setup:actpass",
        ]
        if mid == 0:
            lines += [f"a={candidate}" for candidate in self._candidates]
        return lines

    def _remind(self) -> None:
        if self._heard_ssrc is not None:
            told = ReceiverEstimatedMaximumBitrate(_OWN_SSRC, PLENTY, (self._heard_ssrc,))
            self._secure.send_rtcp(write([told]))
        self._reminder = asyncio.get_running_loop().call_later(_REMB_INTERVAL, self._remind)

    # From ICE and from the secure transport

    def on_candidate(self, generation: str, candidate: CandidateFields | None) -> None:
        """Note what was gathered."""
        if candidate is None:
            self._gathered.set()
        else:
            self._candidates.append(candidate)

    def on_datagram(self, datagram: bytes) -> None:
        """Count it, or pass it up."""
        if classify(datagram) is not DatagramClass.RTP:
            self._secure.receive(datagram)
            return
        self.packets += 1
        if self.packets % _SAMPLE == 1:
            before = self._authenticated
            self._secure.receive(datagram)
            if self._authenticated == before:
                self.packets -= _SAMPLE

    def on_state(self, state: IceTransportState | DtlsTransportState) -> None:
        """Pass up that of the path."""
        if isinstance(state, IceTransportState):
            self._secure.on_ice_state(state)

    def on_rtp(self, packet: bytes, arrival: float) -> None:
        """Note that it is authentic, and of which stream."""
        self._authenticated += 1
        if self._heard_ssrc is None:
            self._heard_ssrc = int.from_bytes(packet[8:12])
            if not self._sends and self._reminder is not None:
                self._reminder.cancel()
                self._remind()

    def on_handshake_complete(self) -> None:
        """Nothing follows."""

    def on_rtcp(self, packet: bytes) -> None:
        """Note what a subject asks for."""
        asked = (PictureLossIndication, FullIntraRequest)
        self.keyframes_wanted += any(isinstance(each, asked) for each in parse(packet))

    def on_data(self, message: bytes) -> None:
        """There is none."""

    def on_keys_switched(self, association: int) -> None:
        """There is one."""

    def on_rekey_completed(self, association: int) -> None:
        """There is one."""

    def on_rekey_failed(self, association: int, reason: str, error: DtlsError | None) -> None:
        """There is one."""

    def on_probe(self) -> None:
        """There is one."""


def _value(name: str, description: str) -> str:
    found = re.search(rf"a={name}:([^\r\n]*)", description)
    assert found, f"the answer has no {name}"
    return found[1]
