"""Receives the RTP stream of one m-section: packets in, frames and RTCP feedback out. PURE."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

from peer.rtp.formats.red import RedBlock, split_red
from peer.rtp.levels import AudioLevel
from peer.rtp.malformed import MalformedError
from peer.rtp.packet import AbsoluteCaptureTime, ExtensionIds, PlayoutDelay, RtpPacket
from peer.rtp.receiving.frame_assembler import ReceiveTimeline
from peer.rtp.receiving.layer_view import LayerView
from peer.rtp.receiving.layered_receiver import SSRC_SWITCH_INTERVAL, LayeredReceiver
from peer.rtp.receiving.payload_types import PayloadRole, payload_types_of
from peer.rtp.receiving.rtx import RtxAssociations, original_packet
from peer.rtp.receiving.ssrc_receiver import SsrcReceiver
from peer.rtp.receiving.ssrcs import RtpSource, SsrcTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.receiving.payload_types import PayloadType
    from peer.rtp.receiving.ssrcs import StreamStatistics
    from peer.rtp.rtcp import ReceptionReport, RtcpPacket, SenderReport
    from peer.rtp_parameters import Codec, MediaKind, ReceiveParameters
    from peer.times import MonotonicTime, Seconds

logger = logging.getLogger(__name__)

#: Limit of the contributing sources that are remembered (ours).
CONTRIBUTING_LIMIT = 32

_LEVELS = tuple(AudioLevel.parse(bytes((value,))) for value in range(256))
#: Uses of payload types whose packets carry other packets.
_CARRIERS = frozenset({PayloadRole.RTX, PayloadRole.RED})
#: An SSRC that no packet has.
_NO_SSRC = -1


class RtpStreamReceiver:
    """Receives the one stream of an m-section, through every change of its SSRC.

    PURE: times are arguments. A frame is given as soon as it is whole, and those before it were
    given or given up. After a video frame is lost for good, none is given until the next key
    frame, which is requested.

    Args:
        kind: Audio or video.
        on_frame: Gets each frame, from within `receive` and `advance`.
        on_feedback: Gets RTCP to send at once, none of it reports.
        on_event: Gets codec, payload and RTP timestamp of each telephone-event packet (RFC 4733),
            in the order of arrival.
        is_played: Tells whether somebody listens to, or watches, what is decoded.

    Attributes:
        unexpected_packets: Packets of payload types that were not agreed.
        other_ssrc_packets: Packets of another SSRC that came too soon after a change of the SSRC.
    """

    __slots__ = (
        "_contributing",
        "_current",
        "_ended",
        "_ids",
        "_is_played",
        "_keyframe_wanted",
        "_kind",
        "_layers",
        "_on_event",
        "_on_feedback",
        "_on_frame",
        "_paused",
        "_playout_delay",
        "_playout_delay_element",
        "_reads_extensions",
        "_round_trip_time",
        "_rtcp_ssrc",
        "_rtx",
        "_ssrc",
        "_ssrcs",
        "_switched_at",
        "_timeline",
        "_types",
        "_views",
        "other_ssrc_packets",
        "unexpected_packets",
    )

    def __init__(
        self,
        kind: MediaKind,
        *,
        on_frame: Callable[[EncodedFrame], None],
        on_feedback: Callable[[tuple[RtcpPacket, ...]], None],
        on_event: Callable[[Codec, bytes, int], None] | None = None,
        is_played: Callable[[], bool] = lambda: False,
    ) -> None:
        self.unexpected_packets = 0
        self.other_ssrc_packets = 0
        self._kind = kind
        self._on_frame = on_frame
        self._on_feedback = on_feedback
        self._on_event = on_event
        self._is_played = is_played
        self._types: dict[int, PayloadType] = {}
        self._ids = ExtensionIds()
        self._reads_extensions = False
        self._rtcp_ssrc = 0
        self._rtx = RtxAssociations()
        self._ssrcs = SsrcTable()
        self._timeline = ReceiveTimeline()
        # The first is for all readers that choose no encoding.
        self._views: tuple[LayerView, ...] = (LayerView(on_frame, self._timeline),)
        self._current: SsrcReceiver | None = None
        # The encodings of simulcast; None without, when `_current` is all there is.
        self._layers: LayeredReceiver | None = None
        # The SSRC whose packets go straight to `_current`; none while other steps come first.
        self._ssrc = _NO_SSRC
        self._switched_at = 0.0
        self._ended = False
        self._paused = False
        self._keyframe_wanted = False
        self._round_trip_time: Seconds | None = None
        self._playout_delay: PlayoutDelay | None = None
        self._playout_delay_element = b""
        self._contributing: OrderedDict[int, RtpSource] = OrderedDict()

    def __repr__(self) -> str:
        return (
            f"<RtpStreamReceiver {self._kind} {self._current!r}"
            f"{' paused' if self._paused else ''} unexpected={self.unexpected_packets}"
            f" other_ssrc={self.other_ssrc_packets}>"
        )

    @property
    def deadline(self) -> MonotonicTime | None:
        """Time to call `advance`; None where nothing waits. It may change with any call."""
        if self._layers is not None:
            return self._layers.deadline
        return None if self._current is None else self._current.deadline

    @property
    def playout_delay(self) -> PlayoutDelay | None:
        """The bounds that the sender last asked for by the playout-delay extension."""
        return self._playout_delay

    @property
    def ssrc(self) -> int | None:
        """The SSRC whose frames are given at present; None before the first packet."""
        current = self._given
        return None if current is None else current.state.ssrc

    @property
    def _given(self) -> SsrcReceiver | None:
        return self._current if self._layers is None else self._layers.given

    def configure(self, parameters: ReceiveParameters, rtcp_ssrc: int) -> None:
        """Expect the streams of `parameters`, and send feedback under `rtcp_ssrc`, from now on."""
        self._types = payload_types_of(parameters.codecs)
        self._ids = ids = ExtensionIds.of(parameters.extensions)
        self._reads_extensions = any(
            each is not None for each in (ids.audio_level, ids.abs_capture_time, ids.playout_delay)
        )
        self._rtcp_ssrc = rtcp_ssrc
        self._rtx.configure(parameters.rtx)
        self._divide(parameters)
        for each in self._receivers:
            each.configure(self._types, rtcp_ssrc)

    @property
    def _receivers(self) -> Iterable[SsrcReceiver]:
        if self._layers is not None:
            return self._layers
        return () if self._current is None else (self._current,)

    def _divide(self, parameters: ReceiveParameters) -> None:
        """Receive several encodings, or one, as is agreed now."""
        rids, ssrcs = parameters.simulcast, parameters.simulcast_ssrcs
        names = rids or tuple(map(str, ssrcs))
        if names == (() if self._layers is None else self._layers.names):
            return
        for each in self._receivers:
            each.finish()
        self._timeline.restart()
        self._current = None
        self._expect_any_ssrc()
        self._layers = None
        if names:
            self._layers = LayeredReceiver(
                rids=rids,
                ssrcs=ssrcs,
                make=self._make_layer,
                views=self._views,
            )

    def receive(
        self, packet: RtpPacket, elements: Mapping[int, bytes], arrival: MonotonicTime
    ) -> None:
        """Take a packet with the elements of its header extension by id; never raises for it."""
        current = self._current
        known = self._types.get(packet.payload_type)
        if (
            current is None
            or known is None
            or packet.ssrc != self._ssrc
            or known.role is not PayloadRole.MEDIA
        ):
            self._receive_other(packet, known, elements, arrival)
            return
        if known is not current.payload_type:
            current.use(known)
        level = None
        if elements and self._reads_extensions:
            level = self._read_extensions(packet, elements, current)
        if packet.csrcs:
            self._note_contributing(packet, arrival)
        current.receive(packet, level, arrival)

    def receive_report(self, report: SenderReport, arrival: MonotonicTime) -> None:
        """Take a sender report about a stream of this m-section."""
        self._ssrcs.receive_report(report, arrival)

    def goodbye(self, ssrc: int) -> None:
        """End an SSRC that the peer ended (RFC 3550 section 6.6); another may follow at once."""
        if self._layers is not None:
            self._layers.goodbye(ssrc)
        elif self._current is not None and self._current.state.ssrc == ssrc:
            self._current.finish()
            self._expect_any_ssrc()

    def advance(self, now: MonotonicTime) -> None:
        """Do what is due: give up on gaps, request packets and key frames."""
        if self._layers is not None:
            self._layers.advance(now)
            return
        current = self._current
        if current is not None and current.deadline is not None and now >= current.deadline:
            current.advance(now)

    @property
    def layers(self) -> LayeredReceiver | None:
        """The receiver of several encodings; None where there is one stream alone."""
        return self._layers

    def add_view(self, view: LayerView, now: MonotonicTime) -> None:
        """Give one more reader an encoding of its own choice, where there are several."""
        self._views = (*self._views, view)
        if self._layers is not None:
            self._layers.add_view(view, now)

    def remove_view(self, view: LayerView) -> None:
        """Give a reader nothing any more."""
        self._views = tuple(each for each in self._views if each is not view)
        if self._layers is not None:
            self._layers.remove_view(view)

    def request_keyframe(self, now: MonotonicTime, view: LayerView | None = None) -> None:
        """Request a key frame, again until one comes; of the encoding of a view, where given."""
        if self._layers is not None:
            self._layers.request_keyframe(now, view)
        elif self._current is None or self._paused:
            self._keyframe_wanted = True
        else:
            self._current.request_keyframe(now)

    def reports(self, now: MonotonicTime) -> tuple[ReceptionReport, ...]:
        """A reception report for each SSRC that sent since the last call."""
        return self._ssrcs.reports(now)

    def pause(self) -> None:
        """Drop packets until `resume`."""
        if not self._paused:
            self._paused = True
            if self._layers is not None:
                self._layers.end()
            elif self._current is not None:
                self._current.end()
            self._expect_any_ssrc()

    def resume(self, now: MonotonicTime) -> None:
        """Take packets again, as the continuation of the stream before the pause."""
        if self._paused:
            self._paused = False
            self.request_keyframe(now)

    def restart(self, now: MonotonicTime) -> None:
        """Take packets of another transport, as the continuation of the stream before.

        An SSRC that goes on there with the next packet goes on here, without a gap.
        """
        self.resume(now)
        self._expect_any_ssrc()

    def set_round_trip_time(self, seconds: Seconds) -> None:
        """Use a measured round-trip time instead of that of retransmissions."""
        self._round_trip_time = seconds
        for each in self._receivers:
            each.set_round_trip_time(seconds)

    def synchronization_sources(self) -> tuple[RtpSource, ...]:
        """The SSRCs that gave frames, the latest last; at most 16."""
        found = [source for state in self._ssrcs if (source := state.source()) is not None]
        return tuple(sorted(found, key=lambda source: source.arrival))

    def contributing_sources(self) -> tuple[RtpSource, ...]:
        """The sources that mixers named, the latest last; at most 32."""
        return tuple(self._contributing.values())

    def statistics(self, now: MonotonicTime | None = None) -> tuple[StreamStatistics, ...]:
        """The counts of each SSRC, retransmissions included; at most 16.

        Args:
            now: Time of `reordering_wait`; that of the last packet where it is None.
        """
        current = self._given
        return tuple(
            state.statistics(
                current.reordering_wait(state.counter.last_arrival if now is None else now)
                if current is not None and state is current.state
                else 0.0
            )
            for state in self._ssrcs
        )

    def _receive_other(
        self,
        packet: RtpPacket,
        known: PayloadType | None,
        elements: Mapping[int, bytes],
        arrival: MonotonicTime,
    ) -> None:
        if self._paused:
            return
        if known is None:
            self.unexpected_packets += 1
            return
        if known.role in _CARRIERS:
            self._receive_carrier(packet, known, elements, arrival)
            return
        if self._layers is not None:
            self._receive_layer(self._layers, packet, known, elements, arrival)
            return
        current = self._current
        if packet.ssrc != self._ssrc or current is None:
            current = self._switch(packet, known, elements, arrival)
            if current is None:
                self.other_ssrc_packets += 1
                return
        level = None
        if elements and self._reads_extensions:
            level = self._read_extensions(packet, elements, current)
        if packet.csrcs:
            self._note_contributing(packet, arrival)
        if known.role is not PayloadRole.MEDIA:
            # No frame: time goes on without sound, and no packet is missing.
            current.receive(packet, None, arrival)
            if known.role is PayloadRole.EVENT and self._on_event is not None:
                self._on_event(known.codec, packet.payload, packet.timestamp)
            return
        current.use(known)
        if self._keyframe_wanted:
            self._keyframe_wanted = False
            current.expect_keyframe()
        current.receive(packet, level, arrival)
        current.advance(arrival)

    def _receive_layer(
        self,
        layers: LayeredReceiver,
        packet: RtpPacket,
        known: PayloadType,
        elements: Mapping[int, bytes],
        arrival: MonotonicTime,
    ) -> None:
        rid = elements.get(self._ids.rid or 0)
        receiver = layers.receiver_for(packet, known, rid, arrival)
        if receiver is None:
            self.other_ssrc_packets += 1
            return
        if rid is not None:
            self._rtx.add_rid(rid, packet.ssrc)
        if known is not receiver.payload_type:
            receiver.use(known)
        if elements and self._reads_extensions:
            self._read_extensions(packet, elements, receiver)
        if packet.csrcs:
            self._note_contributing(packet, arrival)
        layers.receive(receiver, packet, arrival)

    def _make_layer(
        self,
        packet: RtpPacket,
        known: PayloadType,
        timeline: ReceiveTimeline,
        on_frame: Callable[[EncodedFrame], None],
    ) -> SsrcReceiver:
        beside = () if self._layers is None else self._layers.ssrcs
        return self._begin(packet, known, timeline, on_frame, beside=beside)

    def _begin(
        self,
        packet: RtpPacket,
        known: PayloadType,
        timeline: ReceiveTimeline,
        on_frame: Callable[[EncodedFrame], None],
        *,
        beside: Iterable[int] = (),
    ) -> SsrcReceiver:
        """A receiver of an SSRC that begins with this packet."""
        state = self._ssrcs.begin(packet, known.codec.clock_rate, beside=beside)
        receiver = SsrcReceiver(
            self._kind,
            state,
            state.counter.extend(packet.sequence_number),
            payload_type=known,
            types=self._types,
            timeline=timeline,
            rtcp_ssrc=self._rtcp_ssrc,
            is_played=self._is_played,
            on_frame=on_frame,
            on_feedback=self._on_feedback,
        )
        if self._round_trip_time is not None:
            receiver.set_round_trip_time(self._round_trip_time)
        return receiver

    def _switch(
        self,
        packet: RtpPacket,
        known: PayloadType,
        elements: Mapping[int, bytes],
        arrival: MonotonicTime,
    ) -> SsrcReceiver | None:
        """The receiver for the SSRC of this packet; None where it is too soon for another one."""
        former = self._current
        if (
            former is not None
            and not self._ended
            and arrival - self._switched_at < SSRC_SWITCH_INTERVAL
        ):
            return None
        if (rid := elements.get(self._ids.rid or 0)) is not None:
            self._rtx.add_rid(rid, packet.ssrc)
        self._ssrc = packet.ssrc
        if (
            self._ended
            and former is not None
            and former.state.ssrc == packet.ssrc
            and former.state.counter.continues(packet.sequence_number)
        ):
            self._ended = False
            return former
        if former is not None:
            former.finish()
            self._timeline.restart()
        self._ended = False
        self._switched_at = arrival
        self._current = current = self._begin(packet, known, self._timeline, self._on_frame)
        return current

    def _receive_carrier(
        self,
        packet: RtpPacket,
        known: PayloadType,
        elements: Mapping[int, bytes],
        arrival: MonotonicTime,
    ) -> None:
        if known.role is PayloadRole.RED:
            self._receive_red(packet, known, elements, arrival)
        else:
            self._receive_rtx(packet, known, elements, arrival)

    def _receive_rtx(
        self,
        packet: RtpPacket,
        known: PayloadType,
        elements: Mapping[int, bytes],
        arrival: MonotonicTime,
    ) -> None:
        layers, current = self._layers, self._current
        if layers is None and (current is None or self._ssrc == _NO_SSRC):
            return
        repaired_rid = elements.get(self._ids.repaired_rid or 0)
        only = None if current is None else current.state.ssrc
        ssrc = self._rtx.media_ssrc(packet.ssrc, repaired_rid=repaired_rid, current_ssrc=only)
        if layers is not None:
            current = layers.receiver_of(ssrc)
        rtx_state = self._ssrcs.count_rtx(
            packet, repairs=ssrc, clock_rate=known.codec.clock_rate, arrival=arrival
        )
        payload_type = known.codec.apt
        if rtx_state is None or current is None or payload_type is None:
            return
        state = current.state
        if ssrc != state.ssrc:
            return
        state.retransmitted_packets += 1
        state.retransmitted_bytes += len(packet.payload)
        media = self._types.get(payload_type)
        original = original_packet(packet, payload_type=payload_type, ssrc=ssrc)
        if original is not None and media is not None and media.role is PayloadRole.MEDIA:
            if layers is not None:
                layers.receive_retransmission(current, original, arrival)
            else:
                current.receive_retransmission(original, arrival)

    def _receive_red(
        self,
        packet: RtpPacket,
        known: PayloadType,
        elements: Mapping[int, bytes],
        arrival: MonotonicTime,
    ) -> None:
        try:
            if packet.payload:
                *copies, primary = split_red(packet.payload)
            else:
                # libwebrtc probes the network with packets that only pad: they fill their number.
                copies, primary = [], RedBlock(known.codec.accompanied or 0, 0, b"")
            for block in (*copies, primary):
                carried = self._types.get(block.payload_type)
                if carried is None or carried.role is not PayloadRole.MEDIA:
                    raise MalformedError(f"RED block of payload type {block.payload_type}")
        except MalformedError as error:
            self._on_malformed_red(packet, error)
            return
        media = RtpPacket(
            payload_type=primary.payload_type,
            marker=packet.marker,
            sequence_number=packet.sequence_number,
            timestamp=packet.timestamp,
            ssrc=packet.ssrc,
            payload=primary.payload,
            csrcs=packet.csrcs,
        )
        former = self._current
        if copies and former is not None:
            former.awaits_copies = True
        self.receive(media, elements, arrival)
        if copies and former is not None:
            former.awaits_copies = False
        current = self._current
        if current is not None and packet.ssrc == self._ssrc:
            current.state.counter.bytes += len(packet.payload) - len(primary.payload)
            if copies:
                current.recover(media, copies, arrival)

    def _on_malformed_red(self, packet: RtpPacket, error: MalformedError) -> None:
        current = self._current
        if current is None or packet.ssrc != self._ssrc:
            self.unexpected_packets += 1
            return
        current.state.malformed += 1
        if current.state.malformed == 1:
            logger.info("a packet of redundant audio was dropped: %s", error)

    def _read_extensions(
        self, packet: RtpPacket, elements: Mapping[int, bytes], current: SsrcReceiver
    ) -> AudioLevel | None:
        ids = self._ids
        try:
            if value := elements.get(ids.abs_capture_time or 0):
                absolute = AbsoluteCaptureTime.parse(value)
                current.state.clock.add_capture_time(packet.timestamp, absolute.capture_time)
            value = elements.get(ids.playout_delay or 0)
            if value and value != self._playout_delay_element:
                self._playout_delay = PlayoutDelay.parse(value)
                self._playout_delay_element = value
        except MalformedError:
            # An extension that nobody can read changes nothing about the payload.
            pass
        value = elements.get(ids.audio_level or 0)
        return _LEVELS[value[0]] if value else None

    def _note_contributing(self, packet: RtpPacket, arrival: MonotonicTime) -> None:
        contributing = self._contributing
        for source in packet.csrcs:
            contributing[source] = RtpSource(
                source=source, timestamp=packet.timestamp, arrival=arrival
            )
            contributing.move_to_end(source)
            if len(contributing) > CONTRIBUTING_LIMIT:
                contributing.popitem(last=False)

    def _expect_any_ssrc(self) -> None:
        # The next packet decides, however soon it comes.
        self._ended = True
        self._ssrc = _NO_SSRC
