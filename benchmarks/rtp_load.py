"""Load of the RTP benchmark: ends that send packets at a rate and count those that come back.

They use our ICE and DTLS-SRTP without an RTP engine, so all subjects have the same load.
"""

from __future__ import annotations

import asyncio
import re
import struct
from typing import TYPE_CHECKING

from peer.ice import CandidateFields, IceParameters
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
from peer.transport.ice.transport import IceGeneration
from peer.transport.interfaces import PacketHandlers
from peer.transport.secure.transport import SecureTransport
from peer.transport.wire.demux import DatagramClass, classify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.rtp_streams import Media
    from peer.errors import DtlsError
    from peer.rtp.rtcp import SenderReport
    from peer.transport.ice.servers import ServerFailure

#: Bits a second that receivers report by REMB (ours).
PLENTY = 10**9
#: Seconds between two REMB packets (ours).
_REMB_INTERVAL = 0.5
#: One of so many returning packets is decrypted, so that the load is not the limit (ours).
_SAMPLE = 16
#: SSRC under which receivers send RTCP.
_OWN_SSRC = 7

_HEADER = struct.Struct("!BBHII")


class Stream:
    """Packs the packets of one outgoing RTP stream.

    Args:
        ssrc: SSRC of the stream.
        payload_type: Payload type of its packets.
    """

    def __init__(self, *, ssrc: int, payload_type: int) -> None:
        self.ssrc = ssrc
        self._payload_type = payload_type
        self._number = 0

    def packets(self, payloads: tuple[bytes, ...], timestamp: int) -> list[bytes]:
        """Pack one frame into RTP packets."""
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
    """One connection to a subject, which answers its offer.

    Args:
        sections: Media of each m-section.
        sends: Whether this end sends; it receives otherwise.
        echoed: Whether it receives as well what it sends.

    Attributes:
        packets: RTP packets that came. A sample is authenticated; one that is not counts for all
            that it stands for.
        streams: What it may send.
        keyframes_wanted: Number of key frame requests (PLI, FIR).
    """

    def __init__(self, sections: Sequence[Media], *, sends: bool, echoed: bool = False) -> None:
        self.packets = 0
        self.keyframes_wanted = 0
        self._sections = sections
        self._sends = sends
        self._direction = "sendrecv" if echoed else "sendonly" if sends else "recvonly"
        self._authenticated = 0
        self._heard_ssrc: int | None = None
        self._reminder: asyncio.TimerHandle | None = None
        self._certificate = Certificate.generate()
        self._local = IceParameters.generate()
        self._candidates: list[CandidateFields] = []
        self._gathered = asyncio.Event()
        self.streams = [
            Stream(ssrc=1000 + index, payload_type=media.payload_type)
            for index, media in enumerate(sections)
        ]
        self._ice = IceGenerations(
            self._local,
            make=lambda local, events: IceGeneration(
                local=local, events=events, on_datagram=self.on_datagram
            ),
            events=self,
        )
        self._secure = SecureTransport(key="0", certificate=self._certificate, events=self)
        self._secure.attach(self._ice, PacketHandlers(self.on_rtp, self.on_rtcp, self.on_data))

    async def offer(self) -> str:
        """Gather candidates and return the offer."""
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
        """Connect to the subject that sent this answer."""
        remote = IceParameters(_value(answer, name="ice-ufrag"), _value(answer, name="ice-pwd"))
        self._ice.start(self._local.username_fragment, remote, IceRole.CONTROLLING)
        for line in set(re.findall(r"a=(candidate:[^\r\n]*)", answer)):
            candidate = CandidateFields.parse(line)
            self._ice.add_remote_candidate(self._local.username_fragment, candidate)
        active = _value(answer, name="setup") == "active"
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
        """Send one RTP packet; returns whether the kernel took it."""
        return self._secure.send_rtp(packet)

    def report(self, report: SenderReport) -> None:
        """Send a sender report as a compound packet."""
        self._secure.send_rtcp(write([report, SourceDescription(((report.ssrc, "load"),))]))

    async def close(self) -> None:
        """Close the connection to the subject."""
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
            f"a={self._direction}",
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
        """Note a gathered candidate."""
        if candidate is None:
            self._gathered.set()
        else:
            self._candidates.append(candidate)

    def on_server_failure(self, generation: str, failure: ServerFailure) -> None:
        """Pass over a server that does not serve: the load uses none."""

    def on_followed(self, generation: str) -> None:
        """Pass over a restart that is followed unsaid: the load restarts nothing."""

    def on_path(self) -> None:
        """Pass over a successful check, as nobody waits for a nomination."""

    def on_datagram(self, datagram: bytes) -> None:
        """Count a datagram of media, or pass it to the secure transport."""
        if classify(datagram) is not DatagramClass.RTP:
            self._secure.receive(datagram)
            return
        self.packets += 1
        if self.packets % _SAMPLE == 1:
            before = self._authenticated
            self._secure.receive(datagram)
            if self._authenticated == before:
                self.packets -= _SAMPLE

    def on_check(self) -> None:
        """Ignore a check of the peer, who has our description."""

    def on_state(self, state: IceTransportState | DtlsTransportState) -> None:
        """Pass the ICE state to the secure transport."""
        if isinstance(state, IceTransportState):
            self._secure.on_ice_state(state)

    def on_rtp(self, packet: bytes, arrival: float) -> None:
        """Count an authenticated packet and note its stream."""
        self._authenticated += 1
        if self._heard_ssrc is None:
            self._heard_ssrc = int.from_bytes(packet[8:12])
            if not self._sends and self._reminder is not None:
                self._reminder.cancel()
                self._remind()

    def on_handshake_complete(self) -> None:
        """Do nothing at the end of a handshake."""

    def on_rtcp(self, packet: bytes) -> None:
        """Count the key frame requests of a subject."""
        asked = (PictureLossIndication, FullIntraRequest)
        self.keyframes_wanted += any(isinstance(each, asked) for each in parse(packet))

    def on_data(self, message: bytes) -> None:
        """Ignore data channel packets, of which there are none."""

    def on_keys_switched(self, association: int) -> None:
        """Ignore a switch of keys, as there is one association."""

    def on_rekey_completed(self, association: int) -> None:
        """Ignore a rekey, as there is none."""

    def on_rekey_failed(self, association: int, reason: str, error: DtlsError | None) -> None:
        """Ignore a failed rekey, as there is none."""

    def on_probe(self) -> None:
        """Ignore a probe, as there is no rekey."""


def _value(description: str, *, name: str) -> str:
    found = re.search(rf"a={name}:([^\r\n]*)", description)
    assert found, f"the answer has no {name}"
    return found[1]
