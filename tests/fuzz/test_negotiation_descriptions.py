"""Descriptions that are nearly right: refused by name without a trace, or the start of a session.

`NEGOTIATION_EXAMPLES=20000 pytest tests/fuzz/test_negotiation_descriptions.py` runs longer.
"""

from __future__ import annotations

import contextlib
import os
import re

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.errors import InvalidStateError, RemoteError
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side
from peer.negotiation.validation import check_answer
from peer.states import SignalingState
from tests.support.descriptions import NAMES, load
from tests.support.negotiation.effects import RecordedExecutor
from tests.support.negotiation.offer_answer import (
    ROLLBACK,
    add_track,
    an_offer,
    answer_of,
    described,
    offer_of,
    pair,
    profile,
    set_remote,
)
from tests.support.negotiation.sessions import as_read, check_session

EXAMPLES = int(os.environ.get("NEGOTIATION_EXAMPLES", "150"))

REAL = [load(name) for name in NAMES]
OURS = [an_offer("audio", "video", "data", policy=policy).sdp for policy in BundlePolicy]

#: What is put in the place of a word: what means something elsewhere, or nothing at all.
WORDS = [
    *("0", "1", "2", "9", "96", "97", "98", "111", "127", "128", "65536", "-1", "999999999999"),
    *("active", "passive", "actpass", "holdconn", "sendrecv", "sendonly", "inactive", "trickle"),
    *("sha-1", "sha-256", "sha-512", "AB:CD", "rtx", "VP8/90000", "opus/48000/2", "apt=96"),
    *("audio", "video", "application", "RTP/AVP", "UDP/TLS/RTP/SAVPF", "UDP/DTLS/SCTP", ""),
    *("BUNDLE", "webrtc-datachannel", "nack", "*", "/", ":", "=", "\N{SNOWMAN}", "a b", "x" * 300),
]
LINES = [
    *("a=bundle-only", "a=group:BUNDLE 0 1 2", "a=group:BUNDLE 2 1 0", "a=group:BUNDLE", "a=mid:0"),
    *("a=mid:7", "a=setup:active", "a=setup:holdconn", "a=ice-lite", "a=inactive", "a=sendonly"),
    *("a=tls-id:abcdefghijklmnopqrstuvwxyz", "a=ice-ufrag:other", "a=rtcp-mux", "a=connection:new"),
    *("m=audio 0 UDP/TLS/RTP/SAVPF 0", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "m=text 9 x y"),
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "a=candidate:1 1 udp 1 192.0.2.1 9 typ host",
    "a=candidate:1 1 udp 1 192.0.2.1 9 typ strange",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
]


@st.composite
def spoilt(draw: st.DrawFn, text: str) -> str:
    """The text with a few lines dropped, doubled, moved, added or changed in one word."""
    lines = text.splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, len(lines) - 1))
        line = lines[place]
        match draw(st.sampled_from(["drop", "double", "move", "add", "word", "word", "word"])):
            case "drop" if len(lines) > 1:
                del lines[place]
            case "double":
                lines.insert(place, line)
            case "move" if len(lines) > 1:
                lines.insert(draw(st.integers(0, len(lines) - 2)), lines.pop(place))
            case "add":
                lines.insert(place, f"{draw(st.sampled_from(LINES))}\r\n")
            case _:
                words = re.split(r"([ :;=/,]|\r\n)", line)
                words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(WORDS))
                lines[place] = "".join(words)
    return "".join(lines)


def take(end: OfferAnswer, executor: RecordedExecutor, description: SessionDescription) -> bool:
    """Give a description of the peer; whether it was accepted."""
    before, wanted = end.session, end.negotiation_needed
    plan = None
    with contextlib.suppress(RemoteError):
        plan = end.plan(Side.REMOTE, description)
    if plan is None:
        assert end.session is before
        assert end.negotiation_needed is wanted
        return False
    assert end.session is before
    executor.prepare(plan.prepare)
    executor.apply(end.commit(plan))
    check_session(end.session)
    executor.check(end.session)
    return True


def answer(end: OfferAnswer, executor: RecordedExecutor) -> Sdp:
    """Answer what was accepted: there is always an answer to it."""
    plan = end.plan(Side.LOCAL, None)
    executor.prepare(plan.prepare)
    executor.apply(end.commit(plan))
    check_session(end.session)
    executor.check(end.session)
    offered, answered = end.session.current_remote, end.session.current_local
    assert offered is not None
    assert answered is not None
    check_answer(offered.sdp, as_read(answered.sdp))
    return answered.sdp


def follow_up(end: OfferAnswer) -> None:
    """Whatever was agreed, an offer can be made of it, if the peer has left numbers for it."""
    with contextlib.suppress(InvalidStateError):
        offer = end.create_offer().sdp
        assert str(Sdp.parse(offer)) == offer


SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


@SETTINGS
@given(st.sampled_from([*REAL, *OURS]).flatmap(spoilt), st.sampled_from(BundlePolicy))
def test_mutated_offer_is_refused_or_agreed(text: str, policy: BundlePolicy) -> None:
    end, executor = OfferAnswer(profile(2, bundle_policy=policy)), RecordedExecutor()
    for kind in ("audio", "video"):
        executor.adopt(add_track(end, kind))
    if take(end, executor, SessionDescription(text, SdpType.OFFER)):
        answer(end, executor)
        follow_up(end)


@SETTINGS
@given(st.data(), st.sampled_from(BundlePolicy))
def test_mutated_re_offer_is_refused_or_agreed(data: st.DataObject, policy: BundlePolicy) -> None:
    left, right = pair(bundle_policy=policy)
    executor = RecordedExecutor()
    for kind in ("audio", "video"):
        add_track(left, kind)
    left.request_data()
    first = offer_of(left)
    assert take(right, executor, first)
    answer(right, executor)
    set_remote(left, described(right, Side.LOCAL))
    if data.draw(st.booleans()):
        left.stop_transceiver(0)
    add_track(left, "audio")
    spoilt_offer = data.draw(spoilt(offer_of(left).sdp))
    if take(right, executor, SessionDescription(spoilt_offer, SdpType.OFFER)):
        if data.draw(st.booleans()):
            assert take(right, executor, ROLLBACK)
        else:
            answer(right, executor)
        follow_up(right)


@SETTINGS
@given(
    st.data(), st.sampled_from(BundlePolicy), st.sampled_from([SdpType.ANSWER, SdpType.PRANSWER])
)
def test_mutated_answer_is_refused_or_agreed(
    data: st.DataObject, policy: BundlePolicy, kind: SdpType
) -> None:
    left, right = pair(bundle_policy=policy)
    executor = RecordedExecutor()
    for media in ("audio", "video", "audio"):
        executor.adopt(add_track(left, media))
    left.request_data()
    plan = left.plan(Side.LOCAL, None)
    executor.prepare(plan.prepare)
    executor.apply(left.commit(plan))
    set_remote(right, described(left, Side.LOCAL))
    good = answer_of(right)
    if take(left, executor, SessionDescription(data.draw(spoilt(good.sdp)), kind)):
        if left.session.state is SignalingState.STABLE:
            follow_up(left)
    else:
        assert take(left, executor, good), "the right answer is still welcome"
