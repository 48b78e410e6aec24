"""Collects the access units of H.264 and H.265 from RTP packets, by their slices. PURE."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol, assert_never

from peer.rtp.formats import Begins

if TYPE_CHECKING:
    from peer.rtp.formats import NalUnitFormat
    from peer.rtp.packet import RtpPacket
    from peer.times import MonotonicTime, Seconds

logger = logging.getLogger(__name__)

#: Limit of the packets of one video frame: at 1,200 bytes each, nearly 5 MB (ours).
VIDEO_FRAME_LIMIT = 4096
#: Seconds that a picture whose marker is in doubt waits for its next slice (ours): the slices of a
#: picture come within the time of a picture.
SLICE_WAIT: Seconds = 0.1


class UnitOwner(Protocol):
    """The assembler that access units are given to."""

    awaits_keyframe: bool

    def on_unit(self, payloads: list[bytes], timestamp: int, arrival: MonotonicTime) -> None:
        """Take the payloads of an access unit, and its RTP timestamp."""

    def on_wait(self, until: MonotonicTime) -> None:
        """Learn that a picture waits, and when `release` is to be called."""

    def on_undecodable(self) -> None:
        """Count an access unit that was left out, as a key frame is awaited."""

    def on_broken(self) -> None:
        """Learn that an access unit was cut, or is too large: all builds on a new key frame."""


class AccessUnits:
    """Tells one access unit from the next as decoders do, and not by marker and timestamp alone.

    Cameras and ingest servers send parameter sets, SEI, delimiters and slices with a marker or a
    timestamp of their own. So a picture ends where what can only stand before the next one begins
    (ITU-T H.264 section 7.4.1.2.3, ITU-T H.265 section 7.4.2.4.4); it has the timestamp of its
    first slice. A marker behind a slice ends it at once, so that nobody waits for the next picture,
    once one marker was seen to be the end of a picture. The first picture waits for what follows,
    `SLICE_WAIT` at most, and where a later slice of a picture follows on a marker, so do all.

    Args:
        payload_format: Tells slices of pictures apart.
        owner: Gets the access units.
        ssrc: Of the stream, for the log.

    Attributes:
        release_at: Time to call `release`; None where no picture waits.
    """

    __slots__ = (
        "_first_slice",
        "_format",
        "_head_at",
        "_last_slice",
        "_marked_at",
        "_owner",
        "_payloads",
        "_several_slices",
        "_ssrc",
        "_timestamp",
        "_trusts_marker",
        "release_at",
    )

    def __init__(self, payload_format: NalUnitFormat, owner: UnitOwner, ssrc: int) -> None:
        self.release_at: MonotonicTime | None = None
        self._format = payload_format
        self._owner = owner
        self._ssrc = ssrc
        self._payloads: list[bytes] = []
        self._timestamp = -1
        # The first payload with a slice of the picture that has begun; None before it.
        self._first_slice: bytes | None = None
        # That of the picture before, where a marker ended it and no loss followed.
        self._last_slice: bytes | None = None
        # Index of the first payload that may already be of the next picture.
        self._head_at: int | None = None
        # Arrival of the last packet with a marker, where that did not end the picture.
        self._marked_at: MonotonicTime | None = None
        self._several_slices = False
        # None until the first marker has been followed by something.
        self._trusts_marker: bool | None = None

    def __repr__(self) -> str:
        return f"<AccessUnits payloads={len(self._payloads)} trusts_marker={self._trusts_marker}>"

    @property
    def partial(self) -> bool:
        """True while a picture, or its parameter sets, have come, and the rest is awaited."""
        return bool(self._payloads) and (
            self._first_slice is not None or self._owner.awaits_keyframe
        )

    def add(self, packet: RtpPacket, arrival: MonotonicTime) -> None:
        """Take the next packet of the stream, which is not empty."""
        payload = packet.payload
        payloads = self._payloads
        begins = self._format.begins(payload)
        if begins is Begins.NOTHING:
            if not payloads:
                if self._owner.awaits_keyframe:
                    if packet.marker:
                        self._owner.on_undecodable()
                    return
                # `assemble` refuses it.
                self._first_slice, self._timestamp = payload, packet.timestamp
            payloads.append(payload)
        elif not self._begin(begins, packet, arrival):
            return
        if packet.marker:
            if self._first_slice is not None:
                self._on_marker(arrival)
        elif len(self._payloads) >= VIDEO_FRAME_LIMIT:
            self._owner.on_broken()

    def release(self) -> None:
        """Give the picture that a marker may have ended, as no packet follows, or none in time."""
        if self._marked_at is not None:
            self._last_slice = self._first_slice
            self._give(self._marked_at)

    def on_loss(self) -> None:
        """Drop what has come, as packets before the next one are lost."""
        if self._trusts_marker is None:
            self.release()
        self.drop()

    def drop(self) -> None:
        """Drop what has come, but for parameter sets."""
        if self._payloads:
            self._format.learn(self._payloads)
            self._payloads = []
        self._first_slice = self._last_slice = self._head_at = None
        self._forget_marker()

    def _begin(self, begins: Begins, packet: RtpPacket, arrival: MonotonicTime) -> bool:
        """Take a packet in which a NAL unit begins; False where it is left out."""
        payload = packet.payload
        match begins:
            case Begins.TRAILER:
                # Behind a picture that a marker ended it is of no use.
                if not self._payloads:
                    return False
            case Begins.HEAD:
                if self._first_slice is not None:
                    self._end_before_head(packet, arrival)
                if not self._payloads and self._owner.awaits_keyframe:
                    self._format.learn((payload,))
                    if not self._format.is_keyframe_start(payload):
                        return False
            case Begins.PICTURE | Begins.SLICE:
                self._end_before_slice(begins, packet, arrival)
                if self._first_slice is None:
                    if not self._may_begin(begins, packet):
                        return False
                    self._first_slice = payload
                    self._timestamp = packet.timestamp
                elif self._marked_at is None:
                    self._several_slices = True
            case Begins.NOTHING:
                return False
            case _:
                assert_never(begins)
        self._payloads.append(payload)
        return True

    def _end_before_head(self, packet: RtpPacket, arrival: MonotonicTime) -> None:
        marked = self._marked_at is not None and self._trusts_marker is None
        if marked or packet.timestamp != self._timestamp:
            self._finish(arrival)
        elif self._head_at is None:
            # Some senders have SEI or parameter sets before each slice of a picture: the next slice
            # says where it ends.
            self._head_at = len(self._payloads)

    def _end_before_slice(self, begins: Begins, packet: RtpPacket, arrival: MonotonicTime) -> None:
        """End the picture that has begun, where this slice is of another one."""
        if self._first_slice is not None:
            if self._is_other_picture(self._first_slice, begins, packet):
                self._finish(arrival)
                return
            self._head_at = None
            if self._marked_at is not None and self._trusts_marker is None:
                self._distrust_marker()
            self._marked_at = self.release_at = None
        elif (
            begins is Begins.SLICE
            and self._last_slice is not None
            and self._same_picture(packet, first=self._last_slice) is not False
        ):
            # The picture before was given without its last slices.
            self._distrust_marker()
            self._owner.on_broken()

    def _is_other_picture(self, first: bytes, begins: Begins, packet: RtpPacket) -> bool:
        marked = self._marked_at is not None
        changed = packet.timestamp != self._timestamp
        if begins is Begins.PICTURE:
            # Redundant slices and second fields have the timestamp of their picture.
            return changed or marked or self._same_picture(packet, first=first) is False
        if not marked and not changed:
            return False
        return self._same_picture(packet, first=first) is False

    def _same_picture(self, packet: RtpPacket, *, first: bytes) -> bool | None:
        self._format.learn(self._payloads)
        return self._format.same_picture(first=first, other=packet.payload)

    def _may_begin(self, begins: Begins, packet: RtpPacket) -> bool:
        """Tell whether a picture may begin here, while a key frame is awaited or not."""
        if not self._owner.awaits_keyframe:
            return True
        # The later slices of a key frame whose first one is lost show a part of it only.
        if begins is Begins.PICTURE and self._format.is_keyframe_start(packet.payload):
            return True
        self._format.learn(self._payloads)
        self._payloads = []
        if packet.marker:
            self._owner.on_undecodable()
        return False

    def _on_marker(self, arrival: MonotonicTime) -> None:
        if self._trusts_marker is None and self._several_slices:
            # A sender that marks each slice would have marked the first.
            self._trusts_marker = True
        self._marked_at = arrival
        if self._trusts_marker:
            self.release()
        else:
            self.release_at = arrival + SLICE_WAIT
            self._owner.on_wait(self.release_at)

    def _finish(self, arrival: MonotonicTime) -> None:
        """Give the picture, as another one begins."""
        if self._marked_at is not None:
            arrival = self._marked_at
            if self._trusts_marker is None:
                self._trusts_marker = True
        self._last_slice = None
        self._give(arrival)

    def _give(self, arrival: MonotonicTime) -> None:
        payloads, head_at = self._payloads, self._head_at
        self._payloads = [] if head_at is None else payloads[head_at:]
        self._first_slice = self._head_at = None
        self._forget_marker()
        self._owner.on_unit(payloads[:head_at], self._timestamp, arrival)

    def _forget_marker(self) -> None:
        self._marked_at = self.release_at = None
        self._several_slices = False

    def _distrust_marker(self) -> None:
        self._trusts_marker = False
        logger.info(
            "the stream of SSRC %d has markers within pictures: each waits for the next one",
            self._ssrc,
        )
