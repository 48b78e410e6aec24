"""Two ends in best-effort mode, and somebody between them who takes keys out of descriptions.

`BEST_EFFORT_SEQUENCES=20000 pytest tests/fuzz/test_best_effort.py` runs longer. A failure names its
seed: `Sequence(SEED).run()` is that sequence.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter

from peer.configuration.security_policy import BestEffort
from peer.descriptions import SdpType, SessionDescription
from peer.errors import DescriptionError
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.session import Side
from peer.states import MediaEncryption, SignalingState
from tests.support.negotiation.effects import RecordedExecutor
from tests.support.negotiation.offer_answer import ROLLBACK, add_track, described, profile
from tests.support.negotiation.sessions import check_session

SEQUENCES = int(os.environ.get("BEST_EFFORT_SEQUENCES", "60"))
#: Exchanges in each.
STEPS = 6

#: What somebody takes out of a description, all or a part.
TAKEN = (r"fingerprint|setup|tls-id", r"fingerprint", r"setup", r"tls-id", r"fingerprint|setup")


class End:
    """One end, and what was carried out at it."""

    def __init__(self, seed: int, best_effort: BestEffort) -> None:
        self.core = OfferAnswer(profile(seed, best_effort=best_effort))
        self.executor = RecordedExecutor()
        self.was_encrypted = False

    def add(self, kind: str) -> None:
        if kind == "data":
            self.core.request_data()
        else:
            self.executor.adopt(add_track(self.core, kind))

    def apply(self, side: Side, description: SessionDescription | None) -> bool:
        """Apply a description, or find that nothing has changed."""
        before = self.core.session
        try:
            plan = self.core.plan(side, description)
        except DescriptionError:
            assert self.core.session is before
            return False
        self.executor.prepare(plan.prepare)
        self.executor.apply(self.core.commit(plan))
        self.check()
        return True

    def check(self) -> None:
        session = self.core.session
        check_session(session)
        self.executor.check(session)
        agreed = [transport for transport in session.transports if transport.agreed]
        plain = [t for t in agreed if t.encryption is MediaEncryption.NONE]
        self.was_encrypted = self.was_encrypted or len(plain) < len(agreed)
        if plain:
            assert self.core.profile.best_effort is BestEffort.PLAIN_RTP
            assert not self.was_encrypted
            assert session.current_remote or session.pending_remote
        if plain and session.state is SignalingState.STABLE:
            remote = session.current_remote
            assert remote is not None
            assert remote.sdp.keying_line is None


class Sequence:
    """Exchanges between two ends, by the choices of one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        policies = list(BestEffort)
        self.ends = [
            End(seed * 2 + side, self.rng.choice([*policies, BestEffort.PLAIN_RTP]))
            for side in range(2)
        ]
        # One who takes keys out in each exchange, one who does at times, and nobody.
        self.greed = self.rng.choice([0.0, 0.3, 1.0])
        self.came: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        for _ in range(STEPS):
            self.exchange()
        return self.came

    def exchange(self) -> None:
        offerer, answerer = self.rng.sample(self.ends, 2)
        for end in self.ends:
            if self.rng.random() < 0.5:
                end.add(self.rng.choice(["audio", "video", "audio", "data"]))
        if self.rng.random() < 0.2:
            offerer.core.restart_ice()
        assert offerer.apply(Side.LOCAL, None)
        if not self.passes(offerer, answerer):
            assert offerer.apply(Side.LOCAL, ROLLBACK)
            return
        if self.rng.random() < 0.1:
            assert answerer.apply(Side.REMOTE, ROLLBACK)
            assert offerer.apply(Side.LOCAL, ROLLBACK)
            return
        assert answerer.apply(Side.LOCAL, None)
        if not self.passes(answerer, offerer):
            # What comes of this in a real call: it ends.
            self.ends = [End(self.rng.randrange(2**20), BestEffort.PLAIN_RTP) for _ in range(2)]

    def passes(self, source: End, sink: End) -> bool:
        sent = described(source.core, Side.LOCAL)
        taken = sink.apply(Side.REMOTE, self.changed(sent))
        self.came["taken" if taken else "refused"] += 1
        for each in {transport.encryption for transport in sink.core.session.transports}:
            self.came[each.value] += sent.type is SdpType.ANSWER and taken
        return taken

    def changed(self, sent: SessionDescription) -> SessionDescription:
        if self.rng.random() >= self.greed:
            return sent
        names = TAKEN[0] if self.rng.random() < 0.7 else self.rng.choice(TAKEN)
        text = re.sub(rf"a=(?:{names})\b[^\r]*\r\n", "", sent.sdp)
        text = re.sub(r"(m=(?:audio|video) \d+) \S+", r"\1 RTP/AVP", text)
        return SessionDescription(text, sent.type)


def test_connection_that_was_encrypted_is_never_plain_whatever_is_taken_out_of_descriptions() -> (
    None
):
    came: Counter[str] = Counter()
    for seed in range(SEQUENCES):
        came += Sequence(seed).run()
    # Each of them was seen, and neither all was refused, nor all harmless.
    assert min(came[each] for each in ("taken", "refused", "none", "dtls-srtp")) > SEQUENCES // 10
