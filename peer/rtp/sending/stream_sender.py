"""Owns `RtpStreamSender`: one stream of a sender, from payloads to packets."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from peer.rtp.header_extensions import AbsoluteCaptureTime
from peer.rtp.levels import AudioLevel
from peer.rtp.sending.counters import SendStreamCounters
from peer.rtp.sending.header_template import HeaderTemplate
from peer.rtp.sending.outbound_frame import OutboundFrame, PacketPriority
from peer.rtp.sending.retransmitter import Retransmitter
from peer.rtp.sending.sender_report_builder import SenderReportBuilder
from peer.rtp.sending.stream_config import RtpStreamConfig
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp.header_extensions import PlayoutDelay
    from peer.rtp.rtcp import ReceptionReport, SenderReport
    from peer.rtp_parameters import SendParameters

#: Seconds between two packets that tell the capture time; in between the peer interpolates.
CAPTURE_TIME_INTERVAL = 1.0

_MARKER = 0x80
_NO_LEVEL = AudioLevel(0).write()
_NO_TIME = bytes(8)


class RtpStreamSender:
    """One stream: sequence numbers, timestamps, headers, what was sent, and its repair.

    Sequence numbers and timestamps begin anywhere and go on through every change of parameters.
    A frame becomes packets as the pacer sends it, so that one dropped by the pacer leaves no gap.

    Args:
        kind: Audio or video.
        ssrc: Of the stream.
        rtx_ssrc: Of its retransmissions.
        parameters: How to send.
        on_keyframe_needed: Called when frames were dropped, so that the peer can only go on with
            a key frame; until one is given, no frame is taken.

    Attributes:
        counters: What was sent.
        numbered: Whether packets carry a transport-wide sequence number.
        round_trip_time: In seconds, by the peer's last report; None before one. Packets are not
            retransmitted twice within it.
    """

    def __init__(
        self,
        kind: MediaKind,
        ssrc: int,
        rtx_ssrc: int,
        parameters: SendParameters,
        *,
        on_keyframe_needed: Callable[[], None] = lambda: None,
    ) -> None:
        self.counters = SendStreamCounters()
        self.round_trip_time: float | None = None
        self._ssrc = ssrc
        self._rtx_ssrc = rtx_ssrc
        self._is_video = kind is MediaKind.VIDEO
        self._on_keyframe_needed = on_keyframe_needed
        # RFC 3550 section 5.1: both begin at random. RFC 3711 section 3.3.1: who misses the first
        # packets cannot tell a wrap right after them, so they begin in the lower half.
        self._sequence = secrets.randbelow(1 << 15)
        self._offset = secrets.randbelow(1 << 32)
        self._broken = False
        self._capture_told = float("-inf")
        self._playout_delay: PlayoutDelay | None = None
        self._reports = SenderReportBuilder()
        self._format = RtpStreamConfig.of(parameters)
        self.numbered = self._format.ids.transport_cc is not None
        self._repaired = self._format.repaired
        self._repairs = Retransmitter(
            self.counters,
            self._repair_header(),
            self._format.rtx_payload_type,
            numbered=self.numbered,
        )
        self._headers: dict[tuple[bool, bool], HeaderTemplate] = {}
        self._header = self._header_with(level=False, capture=False)

    def configure(self, parameters: SendParameters) -> None:
        """Go on with other parameters from the next packet on."""
        former, self._format = self._format, RtpStreamConfig.of(parameters)
        if former.payload_type != self._format.payload_type:
            # What was sent before cannot be repaired under the RTX payload type to come.
            self._repairs.forget()
        self._use_format()

    @property
    def playout_delay(self) -> PlayoutDelay | None:
        """What the peer is told to keep its delay within, where that was agreed."""
        return self._playout_delay

    @playout_delay.setter
    def playout_delay(self, delay: PlayoutDelay | None) -> None:
        if delay != self._playout_delay:
            self._playout_delay = delay
            self._use_format()

    def _use_format(self) -> None:
        self.numbered = self._format.ids.transport_cc is not None
        self._repaired = self._format.repaired
        self._headers.clear()
        self._header = self._header_with(level=False, capture=False)
        self._repairs.configure(
            self._repair_header(), self._format.rtx_payload_type, numbered=self.numbered
        )

    def _header_with(self, *, level: bool, capture: bool) -> HeaderTemplate:
        """Optional elements make headers of different lengths, each with its template."""
        found = self._headers.get((level, capture))
        if found is None:
            ids = self._format.ids
            delay = self._playout_delay
            elements = [(ids.mid, self._format.mid)]
            if level:
                elements.append((ids.audio_level, _NO_LEVEL))
            if delay is not None:
                elements.append((ids.playout_delay, delay.write()))
            if capture:
                elements.append((ids.abs_capture_time, _NO_TIME))
            found = self._headers[level, capture] = HeaderTemplate(self._ssrc, ids, elements)
        return found

    def _repair_header(self) -> HeaderTemplate:
        own = self._format.rtx_payload_type is not None
        ssrc = self._rtx_ssrc if own else self._ssrc
        return HeaderTemplate(ssrc, self._format.ids, [(self._format.ids.mid, self._format.mid)])

    def frame(
        self,
        payloads: Sequence[bytes],
        *,
        timestamp: int,
        keyframe: bool = True,
        level: AudioLevel | None = None,
        capture_time: float | None = None,
        captured: float | None = None,
        payload_type: int | None = None,
        marker: bool = False,
    ) -> OutboundFrame | None:
        """What to give to the pacer for an encoded frame.

        Args:
            payloads: Of its packets; shared, never changed, kept for a while for repairs.
            timestamp: In ticks of the codec's clock since any beginning; it may exceed 32 bits.
            keyframe: Whether it can be decoded by itself.
            level: How loud it is.
            capture_time: In seconds since 1970, for `abs-capture-time`; sent about once a second.
            captured: The same in seconds of the monotonic clock, for sender reports; without it,
                the time of sending is taken.
            payload_type: Another than the codec's, for telephone events.
            marker: Whether the first packet has the marker, for sound (a beginning after silence,
                an event); the last packet of a picture has it always.

        Returns:
            None where it cannot be decoded because a frame before it was dropped.
        """
        if self._broken:
            if not keyframe:
                self.counters.dropped_frames += 1
                return None
            self._broken = False
        is_video = self._is_video
        return OutboundFrame(
            self,
            payloads,
            urgency=PacketPriority.PICTURE if is_video else PacketPriority.SOUND,
            size=sum(map(len, payloads)) + len(payloads) * self._header.size,
            timestamp=(timestamp + self._offset) & 0xFFFFFFFF,
            payload_type=self._format.payload_type if payload_type is None else payload_type,
            first_marker=marker,
            last_marker=is_video,
            keyframe=keyframe,
            level=level,
            capture_time=capture_time,
            captured=captured,
        )

    def on_nack(self, lost: Sequence[int], now: float) -> tuple[OutboundFrame, ...]:
        """What to give to the pacer to repair packets that the peer lacks, one by one.

        By RTX where that was agreed (RFC 4588), else the packets as they were. A packet is not
        repaired twice within a round trip, and repairs make at most half of what is sent.
        """
        self.counters.nacks += 1
        return self._repairs.frames(lost, self.round_trip_time, now)

    def on_report(self, report: ReceptionReport, now: float) -> float | None:
        """The round trip in seconds, where the report tells it (RFC 3550 section 6.4.1)."""
        found = self._reports.round_trip(report, now)
        if found is not None:
            self.round_trip_time = found
        return found

    def sender_report(self, now: float, unix: float) -> SenderReport | None:
        """What to tell of the stream; None before its first packet.

        Args:
            now: In seconds of the monotonic clock.
            unix: The same moment in seconds since 1970.
        """
        self._repairs.history.prune(now)
        return self._reports.make(self._ssrc, self._format.clock_rate, self.counters, now, unix)

    def write(self, frame: OutboundFrame, number: int, now: float, room: float) -> list[bytes]:
        """The next packets of a frame; see `PacketSource`."""
        position = frame.position
        payloads = frame.payloads
        second = last = frame.payload_type
        header = self._header
        end = count = len(payloads)
        if not position:
            header = self._begin(frame, now)
            if frame.first_marker:
                second = last = second | _MARKER
            if frame.first_marker or header is not self._header:
                # Only the first packet is like this.
                end = 1
        run = payloads[position:end]
        octets = sum(map(len, run))
        if octets + (end - position) * header.size > room:
            end, octets = _fitting(payloads, position, end, header.size, room)
            run = payloads[position:end]
        if frame.last_marker and end == count:
            last |= _MARKER
        packets = end - position
        sequence = self._sequence
        self._sequence = (sequence + packets) & 0xFFFF
        if not position:
            frame.sequence = sequence
        frame.position = end
        frame.sent = now
        if self._repaired and (sequence - frame.sequence) & 0xFFFF == position:
            self._repairs.history.add(frame, sequence, packets)
        counters = self.counters
        counters.packets += packets
        counters.octets += octets
        counters.header_octets += packets * header.size
        counters.send_delay += packets * (now - frame.queued)
        return header.write_all(run, second, last, sequence, frame.timestamp, number, now)

    def _begin(self, frame: OutboundFrame, now: float) -> HeaderTemplate:
        self.counters.frames += 1
        self._repairs.earn(frame.size)
        if frame.payload_type == self._format.payload_type:
            # The timestamp of a telephone event is that of its beginning, however long ago.
            captured = now if frame.captured is None else frame.captured
            self._reports.on_frame(frame.timestamp, captured)
        ids = self._format.ids
        level = frame.level if ids.audio_level is not None else None
        capture_time = frame.capture_time if ids.abs_capture_time is not None else None
        if capture_time is not None and now - self._capture_told < CAPTURE_TIME_INTERVAL:
            capture_time = None
        if level is None and capture_time is None:
            return self._header
        header = self._header_with(level=level is not None, capture=capture_time is not None)
        if level is not None:
            header.put(ids.audio_level, level.write())
        if capture_time is not None:
            self._capture_told = now
            header.put(ids.abs_capture_time, AbsoluteCaptureTime(capture_time).write())
        return header

    def on_dropped(self, frames: int, *, broken: bool) -> None:
        """Note that the pacer gave frames up; see `PacketSource`."""
        self.counters.dropped_frames += frames
        if broken and self._is_video:
            self._broken = True
            self._on_keyframe_needed()


def _fitting(
    payloads: Sequence[bytes], position: int, end: int, header: int, room: float
) -> tuple[int, int]:
    """Behind the last of those that are to be sent now, and the octets of their payloads."""
    octets = len(payloads[position])
    at = position + 1
    while at < end and octets + (at - position) * header <= room:
        octets += len(payloads[at])
        at += 1
    return at, octets
