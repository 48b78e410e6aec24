"""Random calls of two ends: whatever they do and when, they end stable and of one mind.

`NEGOTIATION_EXAMPLES=20000 pytest tests/fuzz/test_negotiation.py` runs longer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from peer.configuration import AnswerRole, BundlePolicy
from peer.descriptions import SdpType
from peer.ice import IceCandidate
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import Side, TransceiverOrigin
from peer.rtp_parameters import MediaKind
from peer.states import SignalingState
from tests.support.negotiation.calls import Call, End
from tests.support.negotiation.offer_answer import add, profile

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = int(os.environ.get("NEGOTIATION_EXAMPLES", "500"))

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


CHANGES: st.SearchStrategy[Callable[[End], None]] = st.one_of(
    st.builds(Add, st.sampled_from(MediaKind), st.sampled_from(MediaDirection)),
    st.builds(
        Add,
        st.sampled_from(MediaKind),
        st.just(MediaDirection.SENDRECV),
        st.just(TransceiverOrigin.ADD_TRACK),
    ),
    st.builds(
        Change,
        st.sampled_from(["direction", "streams", "codecs", "stop"]),
        st.integers(0, 5),
        st.sampled_from(MediaDirection),
        st.integers(0, 3),
    ),
    st.just(Data()),
    st.builds(Rekey, st.none() | st.integers(0, 3)),
    st.just(Restart()),
)


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


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    length = draw(st.integers(0, 60))
    step = st.builds(
        Step,
        st.sampled_from(NAMES),
        st.booleans(),
        CHANGES | st.builds(Candidate, st.integers(0, 5)),
    )
    return draw(st.lists(step, min_size=length, max_size=length))


PROFILES = st.tuples(st.sampled_from(BundlePolicy), st.sampled_from(AnswerRole))


def offer_answer(seed: int, choices: tuple[BundlePolicy, AnswerRole]) -> OfferAnswer:
    bundle_policy, answer_role = choices
    return OfferAnswer(profile(seed, bundle_policy=bundle_policy, answer_role=answer_role))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(steps(), PROFILES, PROFILES)
def test_two_ends_agree_in_the_end(
    happenings: list[Step],
    left: tuple[BundlePolicy, AnswerRole],
    right: tuple[BundlePolicy, AnswerRole],
) -> None:
    call = Call(End(offer_answer(1, left), polite=False), End(offer_answer(2, right), polite=True))
    for step in happenings:
        step.run(call)
    call.run_until_stable()
