"""A man in the middle on the signalling, on the path, or on both, with a certificate of his own.

On the path he ends DTLS himself, towards either side, and would carry everything on in clear view.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from peer.identity.certificate import Certificate
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.dtls.association import DtlsAssociation
from peer.transport.interfaces import PacketHandlers
from tests.support.captures.wire import Captured, Side, Wire, pass_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_LINE = re.compile(r"a=fingerprint:([^\r]*)\r\n")


class Swap(StrEnum):
    """Treatment of the fingerprint in a description."""

    NOTHING = "nothing"
    OWN = "his own in its place"
    RANDOM = "a stranger's in its place"
    STRONGER = "his own beside it, by a stronger hash"
    ONE_BYTE = "one byte of it"


@dataclass(frozen=True, slots=True)
class Plan:
    """Attack plan of one run.

    Args:
        offer: To the offer.
        answer: To the answer.
        on_path: Whether he shows his certificate in the handshake, to both sides.
        answer_is_late: Whether he keeps the answer until the handshake is over.
        answerer_is_client: Who calls.
    """

    offer: Swap
    answer: Swap
    on_path: bool
    answer_is_late: bool
    answerer_is_client: bool

    @classmethod
    def draw(cls, seed: int) -> Plan:
        """Return True for a plan that at least one end can detect."""
        source = random.Random(seed)
        while True:
            plan = cls(
                source.choice(list(Swap)),
                source.choice(list(Swap)),
                source.random() < 0.6,
                source.random() < 0.5,
                source.random() < 0.5,
            )
            if plan.noticed:
                return plan

    @property
    def noticed(self) -> frozenset[Side]:
        """Return the ends that see a certificate other than the signalled one."""
        seen = {Side.OFFERER: self.answer, Side.ANSWERER: self.offer}
        fits = {Swap.OWN, Swap.STRONGER} if self.on_path else {Swap.NOTHING}
        return frozenset(side for side, swap in seen.items() if swap not in fits)


@dataclass
class _Leg:
    """The attacker's end of the association with one side."""

    side: Side
    middle: Middle
    association: DtlsAssociation = field(init=False)

    def send(self, datagram: bytes) -> bool:
        self.middle.wire.paths[0].inject(self.side, datagram)
        return True

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        return sum(map(self.send, datagrams))

    def on_state(self, state: DtlsTransportState) -> None:
        pass

    def on_handshake_complete(self) -> None:
        pass

    def on_rtp(self, packet: bytes, _: float) -> None:
        self._carry(lambda other: other.send_rtp(packet))

    def on_rtcp(self, packet: bytes) -> None:
        self._carry(lambda other: other.send_rtcp(packet))

    def on_data(self, message: bytes) -> None:
        self._carry(lambda other: other.send_data(message))

    def _carry(self, send: Callable[[DtlsAssociation], bool]) -> None:
        self.middle.overheard += 1
        self.middle.passed_on += send(self.middle.legs[self.side.other].association)


class Middle:
    """The man in the middle.

    Attributes:
        overheard: Packets that he could read.
        passed_on: Those that he could send to the other side.
    """

    def __init__(self, wire: Wire, plan: Plan) -> None:
        self.certificate = Certificate.generate()
        self.overheard = self.passed_on = 0
        self.wire = wire
        self.legs: dict[Side, _Leg] = {}
        self._plan = plan
        if plan.on_path:
            wire.fate = self._take
            for side in Side:
                self.legs[side] = self._leg(side)

    def change_offer(self, sdp: str) -> str:
        return self._change(sdp, self._plan.offer)

    def change_answer(self, sdp: str) -> str:
        return self._change(sdp, self._plan.answer)

    def trust(self, side: Side, sdp: str) -> None:
        """Verify a side's association by the true fingerprint of its description."""
        if self._plan.on_path:
            shown = Fingerprint.parse(_LINE.findall(sdp)[0])
            self.legs[side].association.verify([shown])

    def close(self) -> None:
        for leg in self.legs.values():
            leg.association.close()

    def _change(self, sdp: str, swap: Swap) -> str:
        match swap:
            case Swap.NOTHING:
                return sdp
            case Swap.OWN:
                return _LINE.sub(_line(self.certificate.fingerprint()), sdp)
            case Swap.RANDOM:
                return _LINE.sub(_line(Certificate.generate().fingerprint()), sdp)
            case Swap.STRONGER:
                line = _line(self.certificate.fingerprint(HashFunction.SHA512))
                return _LINE.sub(lambda match: match[0] + line, sdp)
            case Swap.ONE_BYTE:
                return _LINE.sub(lambda match: _flip(match[0]), sdp)

    def _leg(self, side: Side) -> _Leg:
        leg = _Leg(side, self)
        # He takes the part of the other side.
        is_client = (side is Side.OFFERER) is self._plan.answerer_is_client
        leg.association = DtlsAssociation(
            certificate=self.certificate,
            role=DtlsRole.CLIENT if is_client else DtlsRole.SERVER,
            path=leg,
            handlers=PacketHandlers(leg.on_rtp, leg.on_rtcp, leg.on_data),
            events=leg,
        )
        return leg

    def _take(self, each: Captured) -> Iterable[bytes]:
        if each.is_stun:
            return pass_on(each)
        for leg in self.legs.values():
            # The first datagram of the client shows that there is a path to both.
            leg.association.start()
        self.legs[each.sender].association.receive(each.data)
        return ()


def _line(fingerprint: Fingerprint) -> str:
    return f"a=fingerprint:{fingerprint}\r\n"


def _flip(line: str) -> str:
    return line[:-3] + ("0" if line[-3] != "0" else "1") + line[-2:]
