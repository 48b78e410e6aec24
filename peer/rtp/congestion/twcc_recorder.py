"""Records arrivals of packets and builds transport-wide feedback (TWCC) from them. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.rtcp import TransportFeedback

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peer.times import MonotonicTime

#: Sequence numbers that one feedback spans at most, and all that are built at once (ours); losses
#: beyond are not reported.
SPAN_LIMIT = 2048
#: Time, in seconds, that arrivals are kept to be repeated when an earlier packet comes late
#: (libwebrtc: kBackWindow, 0.5).
BACK_WINDOW = 0.5

#: Ticks of 250 us in a second (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
_TICKS_PER_SECOND = 4000
#: Ticks of 250 us in the 64 ms unit of the reference time (section 3.1).
_TICKS_PER_REFERENCE = 256
_BACK_WINDOW_TICKS = int(BACK_WINDOW * _TICKS_PER_SECOND)
#: Half of the 16-bit space: a sequence number further ahead than this is an older one.
_HALF = 0x8000
#: Mask of 16 bits: transport-wide sequence numbers.
_SEQUENCE_MASK = 0xFFFF
#: Longest step in ticks between two arrivals of one feedback: signed 16 bits (section 3.1.5).
_MAX_DELTA = 0x7FFF


class TwccRecorder:
    """Builds transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).

    Args:
        sender_ssrc: SSRC of the sender of the feedback.
    """

    def __init__(self, sender_ssrc: int) -> None:
        self.sender_ssrc = sender_ssrc
        self._media_ssrc = 0
        self._count = 0
        self._unreported = 0
        # Ticks of arrival by unwrapped sequence number.
        self._arrivals: dict[int, int] = {}
        self._latest: int | None = None
        self._begin = 0

    def __repr__(self) -> str:
        """Show the latest sequence number, and how many arrivals are unreported."""
        return f"<TwccRecorder latest={self._latest} unreported={self._unreported}>"

    def record(self, transport_sequence_number: int, *, ssrc: int, arrival: MonotonicTime) -> None:
        """Record the arrival of a packet; a duplicate, or one too old, changes nothing.

        Args:
            transport_sequence_number: Transport-wide sequence number, 16 bits.
            ssrc: SSRC of the packet's stream.
            arrival: Time of arrival.
        """
        number = transport_sequence_number
        latest = self._latest
        if latest is None:
            latest = self._latest = self._begin = number
        else:
            ahead = (number - latest) & _SEQUENCE_MASK
            if ahead < _HALF:
                number = self._latest = latest + ahead
            else:
                number = latest + ahead - _SEQUENCE_MASK - 1
                if number <= latest - SPAN_LIMIT:
                    return
                self._begin = min(self._begin, number)
        if number in self._arrivals:
            return
        self._arrivals[number] = int(arrival * _TICKS_PER_SECOND)
        self._media_ssrc = ssrc
        self._unreported += 1

    def feedback(self) -> tuple[TransportFeedback, ...]:
        """Build feedback on all unreported arrivals: mostly one packet, several after a jump."""
        if not self._unreported or self._latest is None:
            return ()
        numbers = sorted(each for each in self._arrivals if each >= self._begin)
        packets = tuple(
            self._packet(begin, part) for begin, part in self._parts(self._begin, numbers)
        )
        self._unreported = 0
        self._begin = self._latest + 1
        self._forget(self._arrivals[numbers[-1]])
        return packets

    def _parts(self, begin: int, numbers: Sequence[int]) -> Iterable[tuple[int, list[int]]]:
        """Split sequence numbers into packets: the base of each, and the numbers that arrived."""
        part: list[int] = []
        # What arrived is reported in any case: only losses cost without a packet of the peer.
        losses = SPAN_LIMIT
        last = begin - 1
        for number in numbers:
            gap = number - last - 1
            losses -= gap
            last = number
            if gap and losses < 0:
                if part:
                    yield begin, part
                    part = []
                begin = number
            if part and (
                number - begin >= SPAN_LIMIT
                or abs(self._arrivals[number] - self._arrivals[part[-1]]) > _MAX_DELTA
            ):
                yield begin, part
                begin, part = part[-1] + 1, []
            if number - begin >= SPAN_LIMIT:
                begin = number
            part.append(number)
        yield begin, part

    def _packet(self, begin: int, numbers: Sequence[int]) -> TransportFeedback:
        ticks = self._arrivals
        reference = ticks[numbers[0]] // _TICKS_PER_REFERENCE
        start = reference * _TICKS_PER_REFERENCE
        statuses: list[int | None] = [None] * (numbers[-1] - begin + 1)
        for number in numbers:
            statuses[number - begin] = ticks[number] - start
        count = self._count
        self._count = (count + 1) & 0xFF
        return TransportFeedback(
            sender_ssrc=self.sender_ssrc,
            media_ssrc=self._media_ssrc,
            count=count,
            base_sequence=begin & _SEQUENCE_MASK,
            # 24 bits with sign.
            reference_time=((reference + 0x800000) & 0xFFFFFF) - 0x800000,
            arrivals=tuple(statuses),
        )

    def _forget(self, latest_ticks: int) -> None:
        first = self._begin - SPAN_LIMIT
        oldest = latest_ticks - _BACK_WINDOW_TICKS
        self._arrivals = {
            number: ticks
            for number, ticks in self._arrivals.items()
            if number >= first and ticks >= oldest
        }
