"""Sends one RTP stream: payloads of frames in, packets out. PURE."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from peer.rtp.levels import AudioLevel, MeasuredLevel
from peer.rtp.packet import AbsoluteCaptureTime
from peer.rtp.sending.counters import SendStreamCounters
from peer.rtp.sending.header_template import MARKER_BIT, HeaderTemplate
from peer.rtp.sending.outbound_frame import OutboundFrame, PacketPriority
from peer.rtp.sending.retransmitter import Retransmitter
from peer.rtp.sending.sender_report_builder import SenderReportBuilder
from peer.rtp.sending.stream_config import RtpStreamConfig
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp.packet import PlayoutDelay
    from peer.rtp.rtcp import ReceptionReport, SenderReport
    from peer.rtp_parameters import SendParameters
    from peer.times import MonotonicTime, Seconds, UnixTime

#: Seconds between two packets with `abs-capture-time` (libwebrtc: 1); the peer interpolates.
CAPTURE_TIME_INTERVAL = 1.0

_NO_LEVEL = AudioLevel(0).write()
_NO_TIME = bytes(8)


class RtpStreamSender:
    """Sends one RTP stream: assigns sequence numbers and timestamps, and answers NACKs.

    Sequence numbers and timestamps begin at random and continue through every change of
    parameters. A frame becomes packets as the pacer sends it, so that a frame dropped by the pacer
    leaves no gap.

    Args:
        kind: Audio or video.
        parameters: Negotiated parameters.
        ssrc: SSRC of the stream.
        rtx_ssrc: SSRC of the RTX stream.
        rid: RID that packets say (RFC 8852) where the peer agreed to simulcast; None for none.
        on_keyframe_needed: Called when the pacer dropped frames and the peer needs a keyframe;
            until there is one, no frame is taken.

    Attributes:
        counters: Counters of the stream.
        uses_twcc: Whether packets carry a transport-wide sequence number.
        round_trip_time: In seconds, by the peer's last report; None before one. No packet is
            retransmitted twice within it.
    """

    def __init__(
        self,
        kind: MediaKind,
        parameters: SendParameters,
        *,
        ssrc: int,
        rtx_ssrc: int,
        rid: str | None = None,
        on_keyframe_needed: Callable[[], None] = lambda: None,
    ) -> None:
        self.counters = SendStreamCounters()
        self.round_trip_time: Seconds | None = None
        self._ssrc = ssrc
        self._rtx_ssrc = rtx_ssrc
        self._rid = None if rid is None else rid.encode()
        self._is_video = kind is MediaKind.VIDEO
        self._on_keyframe_needed = on_keyframe_needed
        # RFC 3550 section 5.1: both begin at random. RFC 3711 section 3.3.1: a receiver that
        # misses the first packets cannot detect a wrap right after them, so they begin in the
        # lower half.
        self._sequence_number = secrets.randbelow(1 << 15)
        self._timestamp_offset = secrets.randbelow(1 << 32)
        self._needs_keyframe = False
        self._capture_time_sent: MonotonicTime = float("-inf")
        self._playout_delay: PlayoutDelay | None = None
        self._reports = SenderReportBuilder()
        self._config = RtpStreamConfig.of(parameters)
        self.uses_twcc = self._config.ids.transport_cc is not None
        self._uses_nack = self._config.uses_nack
        self._keeps_packets = self._config.keeps_packets
        self._retransmitter = Retransmitter(
            self.counters, self._rtx_header(), self._config.rtx_payload_type
        )
        self._headers: dict[tuple[bool, bool], HeaderTemplate] = {}
        self._header = self._header_with(level=False, capture_time=False)

    def __repr__(self) -> str:
        """Show the SSRC, the payload type and the packets sent."""
        return (
            f"<RtpStreamSender ssrc={self._ssrc} payload_type={self._config.payload_type}"
            f" packets={self.counters.packets}>"
        )

    def configure(self, parameters: SendParameters) -> None:
        """Use other parameters from the next packet on."""
        former, self._config = self._config, RtpStreamConfig.of(parameters)
        if former.payload_type != self._config.payload_type:
            # Earlier packets cannot be retransmitted under the RTX payload type of another codec.
            self._retransmitter.clear()
        self._rebuild_headers()

    @property
    def playout_delay(self) -> PlayoutDelay | None:
        """Bounds of the peer's playout delay, sent where the extension was negotiated."""
        return self._playout_delay

    @playout_delay.setter
    def playout_delay(self, delay: PlayoutDelay | None) -> None:
        if delay != self._playout_delay:
            self._playout_delay = delay
            self._rebuild_headers()

    def _rebuild_headers(self) -> None:
        self.uses_twcc = self._config.ids.transport_cc is not None
        self._uses_nack = self._config.uses_nack
        self._keeps_packets = self._config.keeps_packets
        self._headers.clear()
        self._header = self._header_with(level=False, capture_time=False)
        self._retransmitter.configure(self._rtx_header(), self._config.rtx_payload_type)

    def _header_with(self, *, level: bool, capture_time: bool) -> HeaderTemplate:
        """Return the template with these optional elements: each length has its own."""
        found = self._headers.get((level, capture_time))
        if found is None:
            ids = self._config.ids
            delay = self._playout_delay
            elements = [(ids.mid, self._config.mid), *self._rid_element(ids.rid)]
            if level:
                elements.append((ids.audio_level, _NO_LEVEL))
            if delay is not None:
                elements.append((ids.playout_delay, delay.write()))
            if capture_time:
                elements.append((ids.abs_capture_time, _NO_TIME))
            found = HeaderTemplate(self._ssrc, ids, elements)
            self._headers[level, capture_time] = found
        return found

    def _rtx_header(self) -> HeaderTemplate:
        ids = self._config.ids
        elements = [(ids.mid, self._config.mid), *self._rid_element(ids.repaired_rid)]
        return HeaderTemplate(self._rtx_ssrc, ids, elements)

    def _rid_element(self, element: int | None) -> list[tuple[int | None, bytes]]:
        """Return the RID as an extension element; nothing for a stream without one."""
        if self._rid is None or not self._config.uses_rids:
            return []
        return [(element, self._rid)]

    def make_frame(
        self,
        payloads: Sequence[bytes],
        *,
        timestamp: int,
        keyframe: bool = True,
        level: AudioLevel | MeasuredLevel | None = None,
        capture_time: UnixTime | None = None,
        capture_monotonic: MonotonicTime | None = None,
        payload_type: int | None = None,
        marker: bool = False,
    ) -> OutboundFrame | None:
        """Make the frame to give to the pacer for an encoded frame.

        Args:
            payloads: RTP payloads of its packets; shared, never changed, kept for retransmission.
            timestamp: In ticks of the codec's clock, from any origin; it may exceed 32 bits.
            keyframe: Whether the frame can be decoded by itself.
            level: Audio level.
            capture_time: Time of capture for `abs-capture-time`; sent about once a second.
            capture_monotonic: Time of capture by the monotonic clock, for sender reports; without
                it, the time of sending is taken.
            payload_type: Another one than the codec's, for telephone events and redundant data.
            marker: Whether the first packet has the marker bit, for audio (the first after
                silence, an event); the last packet of a video frame always has it.

        Returns:
            None where the frame cannot be decoded because a frame before it was dropped.
        """
        if self._needs_keyframe:
            if not keyframe:
                self.counters.dropped_frames += 1
                return None
            self._needs_keyframe = False
        is_video = self._is_video
        return OutboundFrame(
            self,
            payloads,
            priority=PacketPriority.VIDEO if is_video else PacketPriority.AUDIO,
            size=sum(map(len, payloads)) + len(payloads) * self._header.size,
            timestamp=(timestamp + self._timestamp_offset) & 0xFFFFFFFF,
            payload_type=self._config.payload_type if payload_type is None else payload_type,
            first_marker=marker,
            last_marker=is_video,
            keyframe=keyframe,
            level=level,
            capture_time=capture_time,
            capture_monotonic=capture_monotonic,
        )

    def on_nack(self, lost: Sequence[int], now: MonotonicTime) -> tuple[OutboundFrame, ...]:
        """Return the retransmissions to give to the pacer for a NACK, one frame per packet.

        By RTX where that was negotiated (RFC 4588), else the original packets. A packet is not
        retransmitted twice within a round trip, and retransmissions are at most half of the
        octets sent.

        Args:
            lost: Sequence numbers of the packets that the peer lacks.
            now: Time of the NACK.
        """
        self.counters.nacks += 1
        return self._retransmitter.on_nack(lost, round_trip_time=self.round_trip_time, now=now)

    def forget_packets(self) -> None:
        """Retransmit nothing that was sent so far."""
        self._retransmitter.clear()

    def padding(self, octets: int, now: MonotonicTime) -> tuple[OutboundFrame, ...]:
        """Return retransmissions of the last packets, to try whether the path takes more.

        Without RTX there are none: the peer takes what it has for a copy of a packet, not of a
        stream.

        Args:
            octets: Octets that they come to, roughly.
            now: Present time.
        """
        return self._retransmitter.padding(self._sequence_number, octets=octets, now=now)

    def on_report(self, report: ReceptionReport, now: MonotonicTime) -> Seconds | None:
        """Return the round trip in seconds, where the report gives it (RFC 3550 section 6.4.1)."""
        found = self._reports.round_trip(report, now=now)
        if found is not None:
            self.round_trip_time = found
        return found

    def sender_report(self, *, now: MonotonicTime, unix_now: UnixTime) -> SenderReport | None:
        """Build the sender report of the stream; None before its first packet.

        Args:
            now: Present time.
            unix_now: Present time since 1970.
        """
        self._retransmitter.history.prune(now)
        return self._reports.build(
            self.counters,
            ssrc=self._ssrc,
            clock_rate=self._config.clock_rate,
            now=now,
            unix_now=unix_now,
        )

    def write_packets(
        self,
        frame: OutboundFrame,
        *,
        transport_sequence_number: int,
        now: MonotonicTime,
        room: float,
    ) -> list[bytes]:
        """Write the next packets of a frame; see `PacketSource`."""
        position = frame.position
        payloads = frame.payloads
        octet = last_octet = frame.payload_type
        header = self._header
        end = count = len(payloads)
        if not position:
            header = self._start(frame, now)
            if frame.first_marker:
                octet = last_octet = octet | MARKER_BIT
            if frame.first_marker or header is not self._header:
                # Only the first packet has this header.
                end = 1
        run = payloads[position:end]
        octets = sum(map(len, run))
        if octets + (end - position) * header.size > room:
            end, octets = _fitting(
                payloads, position=position, end=end, header=header.size, room=room
            )
            run = payloads[position:end]
        if frame.last_marker and end == count:
            last_octet |= MARKER_BIT
        packets = end - position
        sequence_number = self._sequence_number
        self._sequence_number = (sequence_number + packets) & 0xFFFF
        if not position:
            frame.sequence_number = sequence_number
        frame.position = end
        frame.sent = now
        if self._uses_nack and (sequence_number - frame.sequence_number) & 0xFFFF == position:
            self._retransmitter.history.add(frame, sequence_number=sequence_number, packets=packets)
        counters = self.counters
        counters.packets += packets
        counters.octets += octets
        counters.header_octets += packets * header.size
        counters.send_delay += packets * (now - frame.queued)
        written = header.write_packets(
            run,
            marker_and_payload_type=octet,
            last_marker_and_payload_type=last_octet,
            sequence_number=sequence_number,
            timestamp=frame.timestamp,
            transport_sequence_number=transport_sequence_number,
            now=now,
        )
        if self._keeps_packets:
            frame.packets = (*frame.packets, *written) if frame.packets else written
        return written

    def _start(self, frame: OutboundFrame, now: MonotonicTime) -> HeaderTemplate:
        """Count the frame, and return the header of its first packet."""
        self.counters.frames += 1
        self._retransmitter.on_sent(frame.size)
        config = self._config
        if frame.payload_type in (config.payload_type, config.red_payload_type):
            # The timestamp of a telephone event is that of its beginning, however long ago.
            capture = now if frame.capture_monotonic is None else frame.capture_monotonic
            self._reports.on_frame(frame.timestamp, capture)
        ids = config.ids
        level = frame.level if ids.audio_level is not None else None
        capture_time = frame.capture_time if ids.abs_capture_time is not None else None
        if capture_time is not None and now - self._capture_time_sent < CAPTURE_TIME_INTERVAL:
            capture_time = None
        if level is None and capture_time is None:
            return self._header
        header = self._header_with(level=level is not None, capture_time=capture_time is not None)
        if level is not None:
            header.put(ids.audio_level, level.write())
        if capture_time is not None:
            self._capture_time_sent = now
            header.put(ids.abs_capture_time, AbsoluteCaptureTime(capture_time).write())
        return header

    def on_dropped(self, frames: int, *, needs_keyframe: bool) -> None:
        """Count frames that the pacer dropped, and ask for a keyframe; see `PacketSource`."""
        self.counters.dropped_frames += frames
        if needs_keyframe and self._is_video:
            self._needs_keyframe = True
            self._on_keyframe_needed()


def _fitting(
    payloads: Sequence[bytes], *, position: int, end: int, header: int, room: float
) -> tuple[int, int]:
    """Return the end of the packets that begin within `room`, and the octets of their payloads."""
    octets = len(payloads[position])
    at = position + 1
    while at < end and octets + (at - position) * header <= room:
        octets += len(payloads[at])
        at += 1
    return at, octets
