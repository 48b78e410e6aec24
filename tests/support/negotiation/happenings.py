"""What may happen to either end of a call: wishes of the application, and messages on their way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.ice import IceCandidate
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.session import Side, TransceiverOrigin
from peer.rtp_parameters import MediaKind
from peer.states import SignalingState
from tests.support.negotiation.calls import Call, End
from tests.support.negotiation.offer_answer import add

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.negotiation.sdp.attributes import MediaDirection

PREFERENCES = {
    MediaKind.AUDIO: [(), ("audio/PCMU",), ("audio/PCMU", "audio/opus")],
    MediaKind.VIDEO: [(), ("video/H264", "video/VP8"), ("video/H264",), ("video/VP8",)],
}


@dataclass(frozen=True)
class Add:
    """The application adds a transceiver."""

    kind: MediaKind
    direction: MediaDirection
    origin: TransceiverOrigin = TransceiverOrigin.ADD_TRANSCEIVER

    def __call__(self, end: End) -> None:
        end.executor.adopt(add(end.offer_answer, self.kind, self.direction, origin=self.origin))


@dataclass(frozen=True)
class Change:
    """The application changes a transceiver, or stops it."""

    what: str
    which: int
    direction: MediaDirection
    choice: int

    def __call__(self, end: End) -> None:
        usable = [t for t in end.offer_answer.session.transceivers if not t.stopping]
        if not usable:
            return
        chosen = usable[self.which % len(usable)]
        match self.what:
            case "direction":
                end.offer_answer.change_transceiver(chosen.key, direction=self.direction)
            case "streams":
                streams = ("one", "two")[: self.choice]
                end.offer_answer.change_transceiver(chosen.key, streams=streams)
            case "codecs":
                choices = PREFERENCES[chosen.kind]
                wanted = choices[self.choice % len(choices)]
                end.offer_answer.change_transceiver(chosen.key, preferences=wanted)
            case _:
                end.executor.apply(end.offer_answer.stop_transceiver(chosen.key))


@dataclass(frozen=True)
class Data:
    """The application opens a data channel."""

    def __call__(self, end: End) -> None:
        end.offer_answer.request_data()


@dataclass(frozen=True)
class Rekey:
    """The application wants new keys, with a new certificate or with the one it has; or no more."""

    certificate: int | None

    def __call__(self, end: End) -> None:
        if self.certificate is None:
            end.offer_answer.cancel_rekey_request()
            return
        shown = Fingerprint.of_digest(HashFunction.SHA256, bytes([self.certificate] * 32))
        own = end.offer_answer.profile.fingerprints
        end.offer_answer.request_rekey((shown,) if self.certificate else own)


@dataclass(frozen=True)
class Restart:
    """The application wants another path."""

    def __call__(self, end: End) -> None:
        end.offer_answer.restart_ice()


@dataclass(frozen=True)
class Candidate:
    """ICE has found a candidate for some m-section."""

    which: int

    def __call__(self, end: End) -> None:
        described = end.offer_answer.session.description(Side.LOCAL)
        if described is None or not described.sdp.media:
            return
        section = described.sdp.media[self.which % len(described.sdp.media)]
        line = f"candidate:1 1 udp 2130706431 192.0.2.1 {5000 + self.which} typ host"
        end.sent.append(IceCandidate(line, sdpMid=section.mid, usernameFragment=section.ice_ufrag))


def offer_created_before(change: Callable[[End], None], end: End) -> None:
    """An offer is created, the application changes its mind, the offer is set."""
    if end.state is SignalingState.STABLE:
        offer = end.offer_answer.create_offer()
        change(end)
        end.set(Side.LOCAL, offer)
        end.send()


def offer_restart(end: End) -> None:
    """createOffer({iceRestart: true})."""
    if end.state is SignalingState.STABLE:
        end.set(Side.LOCAL, end.offer_answer.create_offer(ice_restart=True))
        end.send()


def give_up(end: End) -> None:
    """The sockets for an offer cannot be had."""
    if end.state is SignalingState.STABLE:
        end.give_up(Side.LOCAL)


ACTS: dict[str, Callable[[End], None]] = {
    "offer": End.offer,
    "offer restart": offer_restart,
    "give up": give_up,
    "answer": End.answer,
    "pranswer": lambda end: end.answer(SdpType.PRANSWER),
    "hesitate": End.hesitate,
    "roll back": End.roll_back,
}


@dataclass(frozen=True)
class Step:
    """One thing that happens, to one end."""

    name: str
    polite: bool
    change: Callable[[End], None]

    def run(self, call: Call) -> None:
        """Let it happen."""
        end = call.right if self.polite else call.left
        match self.name:
            case "change":
                self.change(end)
            case "change meanwhile":
                end.meanwhile.append(lambda: self.change(end))
            case "offer created before":
                offer_created_before(self.change, end)
            case "deliver":
                call.deliver(end)
            case "lose":
                call.lose(end)
            case "taken up" | "given up":
                call.report(end, taken_up=self.name == "taken up")
            case name:
                ACTS[name](end)


# What keeps a call going is drawn more often than what disturbs it.
NAMES = ["change", "change meanwhile", "offer created before", "deliver", "lose", *ACTS]
NAMES += ["taken up", "taken up", "given up"]
NAMES += [
    "change",
    "change",
    "offer",
    "deliver",
    "deliver",
    "deliver",
    "pranswer",
    "answer",
    "hesitate",
]
