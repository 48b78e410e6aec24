"""Random rekeys, ICE restarts, glare and findings of the wire in a session that is agreed.

`NEGOTIATION_EXAMPLES=20000 pytest tests/fuzz/test_negotiation_modification.py` runs longer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from peer.configuration import AnswerRole, BundlePolicy
from peer.descriptions import SdpType
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.session import Side
from peer.states import SignalingState
from tests.support.negotiation.calls import Call, End
from tests.support.negotiation.offer_answer import add_track, profile

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = int(os.environ.get("NEGOTIATION_EXAMPLES", "80"))


def rekey(end: End, certificate: int) -> None:
    """The application wants new keys: with the certificate that it has for 0."""
    shown = Fingerprint.of_digest(HashFunction.SHA256, bytes([certificate] * 32))
    end.offer_answer.request_rekey(
        (shown,) if certificate else end.offer_answer.profile.fingerprints
    )


def offer_restart(end: End) -> None:
    """createOffer({iceRestart: true})."""
    if end.state is SignalingState.STABLE:
        end.set(Side.LOCAL, end.offer_answer.create_offer(ice_restart=True))
        end.send()


def exchange(call: Call, end: End) -> None:
    """A whole offer and answer, where both are free for it."""
    other = call.other(end)
    for each in (end, other):
        while each.sent:
            call.deliver(each)
    if end.state is other.state is SignalingState.STABLE:
        end.offer()
        call.deliver(end)
        other.answer()
        call.deliver(other)


#: What one end may do by itself.
ACTS: dict[str, Callable[[End], None]] = {
    "restart": lambda end: end.offer_answer.restart_ice(),
    "withdraw": lambda end: end.offer_answer.cancel_rekey_request(),
    "offer": End.offer,
    "offer restart": offer_restart,
    "answer": End.answer,
    "pranswer": lambda end: end.answer(SdpType.PRANSWER),
    "hesitate": End.hesitate,
    "roll back": End.roll_back,
    "data": lambda end: end.offer_answer.request_data(),
}
NAMES = [*ACTS, *("rekey", "exchange", "taken up") * 3, *("deliver", "given up", "lose") * 2]


@dataclass(frozen=True)
class Step:
    """One thing that happens, to one end; later, where a description is being prepared."""

    name: str
    polite: bool
    certificate: int
    meanwhile: bool

    def run(self, call: Call) -> None:
        """Let it happen."""
        end = call.right if self.polite else call.left
        match self.name:
            case "rekey" if self.meanwhile:
                end.meanwhile.append(lambda: rekey(end, self.certificate))
            case "rekey":
                rekey(end, self.certificate)
            case "restart" if self.meanwhile:
                end.meanwhile.append(end.offer_answer.restart_ice)
            case "exchange":
                exchange(call, end)
            case "deliver":
                call.deliver(end)
            case "lose":
                call.lose(end)
            case "taken up" | "given up" if self.meanwhile:
                end.meanwhile.append(lambda: call.report(end, taken_up=self.name == "taken up"))
            case "taken up" | "given up":
                call.report(end, taken_up=self.name == "taken up")
            case name:
                ACTS[name](end)


STEP = st.builds(
    Step,
    st.sampled_from(NAMES),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from([False, False, False, True]),
)
# As many long ones as short ones.
STEPS = st.integers(0, 40).flatmap(lambda n: st.lists(STEP, min_size=n, max_size=n))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(STEPS, st.sampled_from(BundlePolicy), st.sampled_from(AnswerRole))
def test_two_ends_agree_on_associations_and_generations_in_the_end(
    happenings: list[Step], bundle_policy: BundlePolicy, answer_role: AnswerRole
) -> None:
    left, right = (
        End(
            OfferAnswer(profile(seed, bundle_policy=bundle_policy, answer_role=answer_role)),
            polite=seed == 2,
        )
        for seed in (1, 2)
    )
    call = Call(left, right)
    for kind in ("audio", "video"):
        left.executor.adopt(add_track(left.offer_answer, kind))
    exchange(call, left)
    for step in happenings:
        step.run(call)
    call.run_until_stable()
