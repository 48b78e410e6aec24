"""Routes RTP packets to receivers, and RTCP packets to receivers and senders. PURE."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Generic, TypeVar, assert_never

from peer.rtp.rtcp import (
    FullIntraRequest,
    Goodbye,
    Nack,
    PictureLossIndication,
    ReceiverEstimatedMaximumBitrate,
    ReceiverReport,
    SenderReport,
    SourceDescription,
    TransportFeedback,
    UnknownPacket,
)
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp.rtcp import RtcpPacket


#: Limit of the SSRCs that are remembered (ours).
SSRC_LIMIT = 1024

ReceiverT = TypeVar("ReceiverT")
SenderT = TypeVar("SenderT")


@dataclass(frozen=True, slots=True)
class _Expected:
    mid: str
    ssrcs: frozenset[int]
    payload_types: frozenset[int]
    rids: frozenset[str]


class RtpRouter(Generic[ReceiverT, SenderT]):
    """The routing tables of one transport (RFC 8843 section 9.2).

    Args:
        ssrc_limit: SSRCs that are remembered; beyond it the one unused for longest is forgotten.
    """

    def __init__(self, ssrc_limit: int = SSRC_LIMIT) -> None:
        self._ssrc_limit = ssrc_limit
        self._expected: dict[ReceiverT, _Expected] = {}
        self._by_mid: dict[str, ReceiverT] = {}
        self._by_ssrc: OrderedDict[int, ReceiverT] = OrderedDict()
        self._senders: dict[int, SenderT] = {}

    def __repr__(self) -> str:
        return (
            f"<RtpRouter mids={sorted(self._by_mid)} ssrcs={len(self._by_ssrc)}"
            f" sender_ssrcs={len(self._senders)}>"
        )

    @property
    def sender_ssrcs(self) -> Iterable[int]:
        """The SSRCs of our own streams."""
        return self._senders

    def add_receiver(
        self,
        receiver: ReceiverT,
        *,
        mid: str = "",
        ssrcs: Iterable[int] = (),
        payload_types: Iterable[int] = (),
        rids: Iterable[str] = (),
    ) -> None:
        """Route the streams of one m-section to a receiver, instead of those before.

        SSRCs learned for the receiver stay known.
        """
        before = self._expected.get(receiver)
        expected = _Expected(mid, frozenset(ssrcs), frozenset(payload_types), frozenset(rids))
        if before is not None:
            self._forget_mid(receiver)
            for ssrc in before.ssrcs - expected.ssrcs:
                self._forget_ssrc(ssrc, receiver)
        self._expected[receiver] = expected
        if mid:
            self._by_mid[mid] = receiver
        for ssrc in expected.ssrcs:
            self._learn(ssrc, receiver)

    def remove_receiver(self, receiver: ReceiverT) -> None:
        """Forget the receiver and every SSRC that led to it."""
        self._forget_mid(receiver)
        self._expected.pop(receiver, None)
        for ssrc in [ssrc for ssrc, found in self._by_ssrc.items() if found == receiver]:
            del self._by_ssrc[ssrc]

    def add_sender(self, sender: SenderT, *ssrcs: int) -> None:
        """Send the RTCP about these SSRCs to the sender."""
        for ssrc in ssrcs:
            self._senders[ssrc] = sender

    def remove_sender(self, sender: SenderT) -> None:
        """Forget the sender and its SSRCs."""
        self._senders = {ssrc: found for ssrc, found in self._senders.items() if found != sender}

    def receiver_of(
        self, *, mid: str | None, ssrc: int, payload_type: int, rid: str | None = None
    ) -> ReceiverT | None:
        """The receiver for an RTP packet, learning its SSRC; None when it belongs to nobody.

        Args:
            mid: MID header extension of the packet, or None.
            ssrc: SSRC of the packet.
            payload_type: Payload type of the packet.
            rid: RID, or repaired RID, header extension of the packet, or None.
        """
        # RFC 8843 section 9.2: the MID decides, even over an SSRC that led elsewhere before;
        # a MID that is not in the table means that the packet is dropped.
        if mid is not None:
            receiver = self._by_mid.get(mid)
        else:
            receiver = self._by_ssrc.get(ssrc)
            if receiver is None and rid is not None:
                receiver = self._only_receiver_with(rid)
            if receiver is None:
                receiver = self._only_receiver_of(payload_type)
        if receiver is None or payload_type not in self._expected[receiver].payload_types:
            return None
        self._learn(ssrc, receiver)
        return receiver

    def receivers_of(self, sources: Iterable[int]) -> tuple[ReceiverT, ...]:
        """The receivers of the streams with these SSRCs, each once."""
        found = (self._by_ssrc.get(ssrc) for ssrc in sources)
        return tuple(dict.fromkeys(receiver for receiver in found if receiver is not None))

    def senders_of(self, subjects: Iterable[int]) -> tuple[SenderT, ...]:
        """The senders of the streams with these SSRCs, each once."""
        found = (self._senders.get(ssrc) for ssrc in subjects)
        return tuple(dict.fromkeys(sender for sender in found if sender is not None))

    def _only_receiver_with(self, rid: str) -> ReceiverT | None:
        # RFC 8852 section 3.1: a RID means something within its m-section only; without a MID it
        # decides where one m-section alone announced it.
        found = [receiver for receiver, expected in self._expected.items() if rid in expected.rids]
        return found[0] if len(found) == 1 else None

    def _only_receiver_of(self, payload_type: int) -> ReceiverT | None:
        # RFC 8843 section 9.2: a payload type decides only where one m-section alone uses it.
        found = [
            receiver
            for receiver, expected in self._expected.items()
            if payload_type in expected.payload_types
        ]
        return found[0] if len(found) == 1 else None

    def _learn(self, ssrc: int, receiver: ReceiverT) -> None:
        self._by_ssrc[ssrc] = receiver
        self._by_ssrc.move_to_end(ssrc)
        if len(self._by_ssrc) > self._ssrc_limit:
            self._by_ssrc.popitem(last=False)

    def _forget_ssrc(self, ssrc: int, receiver: ReceiverT) -> None:
        if self._by_ssrc.get(ssrc) == receiver:
            del self._by_ssrc[ssrc]

    def _forget_mid(self, receiver: ReceiverT) -> None:
        expected = self._expected.get(receiver)
        if expected is not None and self._by_mid.get(expected.mid) == receiver:
            del self._by_mid[expected.mid]


def sources(packet: RtcpPacket) -> tuple[int, ...]:
    """The SSRCs of the peer's streams that the packet is about."""
    match packet:
        case SenderReport():
            return (packet.ssrc,)
        case Goodbye():
            return packet.ssrcs
        case _:
            return ()


def subjects(packet: RtcpPacket) -> tuple[int, ...]:
    """The SSRCs of our streams that the packet is about."""
    match packet:
        case SenderReport() | ReceiverReport():
            return tuple(report.ssrc for report in packet.reports)
        case Nack() | PictureLossIndication():
            return (packet.media_ssrc,)
        case FullIntraRequest():
            return tuple(ssrc for ssrc, _ in packet.entries)
        case (
            # These two are about the transport as a whole.
            ReceiverEstimatedMaximumBitrate()
            | TransportFeedback()
            | SourceDescription()
            | Goodbye()
            | UnknownPacket()
        ):
            return ()
        case never:
            assert_never(never)
