"""The work of a description grows as its length does, whatever the peer repeats in it.

Counted in steps of Python, with a description and one four times as long.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.ice import IceCandidate
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.session import GatheredCandidates, Side
from tests.support.clock.work import steps
from tests.support.negotiation.offer_answer import OPUS, profile, set_local, set_remote

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT = 16
LONG = 4 * SHORT
#: Steps for the long one by those for the short one: 4 and a little, where a square takes 16.
MOST = 4.08

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
TRANSPORT = (
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n"
    f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\n"
)
AUDIO = f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS.payload_type}\r\na=rtpmap:111 opus/48000/2\r\n"


def bundled(n: int) -> str:
    group = f"a=group:BUNDLE {' '.join(map(str, range(n)))}\r\n"
    return (
        HEAD + group + TRANSPORT + "".join(f"{AUDIO}a=mid:{i}\r\na=rtcp-mux\r\n" for i in range(n))
    )


def unbundled(n: int) -> str:
    return HEAD + TRANSPORT + "".join(f"{AUDIO}a=mid:{i}\r\na=rtcp-mux\r\n" for i in range(n))


def without_mids(n: int) -> str:
    return HEAD + TRANSPORT + f"{AUDIO}a=rtcp-mux\r\n" * n


def unusable(n: int) -> str:
    return HEAD + "".join(f"{AUDIO}a=mid:{i}\r\n" for i in range(n))


def end() -> OfferAnswer:
    return OfferAnswer(profile(2, bundle_policy=BundlePolicy.MAX_COMPAT))


def take(text: str, here: OfferAnswer | None = None) -> OfferAnswer:
    here = here or end()
    set_remote(here, SessionDescription(text, SdpType.OFFER))
    return here


def answered(text: str) -> OfferAnswer:
    here = take(text)
    set_local(here)
    return here


def is_linear(work: Callable[[int], Callable[[], object]]) -> None:
    """Check it; what `work(n)` does by itself does not count."""
    short, long = steps(work(SHORT)), steps(work(LONG))
    assert long < MOST * short, f"{long} steps, where a quarter takes {short}"


@pytest.mark.parametrize("text", [bundled, unbundled, without_mids, unusable])
def test_work_for_an_offer_and_its_answer_grows_as_its_m_sections_do(
    text: Callable[[int], str],
) -> None:
    is_linear(lambda n: lambda: answered(text(n)))


@pytest.mark.parametrize("text", [bundled, unbundled])
def test_work_for_a_later_exchange_grows_as_its_m_sections_do(text: Callable[[int], str]) -> None:
    def work(n: int) -> Callable[[], object]:
        here, again = answered(text(n)), text(n)
        return lambda: (take(again, here), set_local(here), set_local(here))

    is_linear(work)


@pytest.mark.parametrize("text", [bundled, unbundled])
def test_work_for_a_candidate_grows_as_the_m_sections_do(text: Callable[[int], str]) -> None:
    candidate = IceCandidate("candidate:1 1 udp 1 192.0.2.1 5000 typ host", sdpMLineIndex=0)

    def work(n: int) -> Callable[[], object]:
        here = answered(text(n))
        return lambda: (here.add_candidate(candidate), here.add_candidate(None))

    is_linear(work)


def test_work_to_show_our_description_grows_as_its_m_sections_do() -> None:
    def work(n: int) -> Callable[[], object]:
        here = answered(unbundled(n))
        gathered = {
            (t.key, t.local.username_fragment): GatheredCandidates(complete=True)
            for t in here.session.transports
        }
        return lambda: here.described(Side.LOCAL, pending=False, gathered=gathered)

    is_linear(work)


@pytest.mark.parametrize(
    "line",
    [
        "a=rtpmap:",
        "a=candidate:",
        "a=candidate: 1 udp 0 192.0.2.1 5 typ host",
        "a=sendrecv",
        "a=bundle-only",
        "a=rtcp-mux ",
        "a=rtcp-fb:* nack",
        "a=ssrc:1 cname:x",
        "a=msid:one",
        "a=rid:1 send",
        "a=unknown",
    ],
)
def test_work_for_a_line_does_not_depend_on_how_often_it_is_repeated(line: str) -> None:
    texts = [bundled(1) + f"{line}\r\n" * n for n in (0, LONG, 4 * LONG)]
    alone, few, many = (steps(partial(answered, text)) for text in texts)
    assert many - alone < MOST * (few - alone)


def test_work_for_feedback_does_not_grow_with_the_payload_types_beside_it() -> None:
    payload_types = range(96, 128)
    listed = " ".join(map(str, payload_types))
    section = f"m=video 9 UDP/TLS/RTP/SAVPF {listed}\r\na=mid:0\r\na=rtcp-mux\r\n"
    section += "".join(f"a=rtpmap:{number} VP8/90000\r\n" for number in payload_types)

    def offer(feedback: int) -> str:
        return HEAD + TRANSPORT + section + "a=rtcp-fb:* x\r\n" * feedback

    alone, few, many = (steps(partial(answered, offer(n))) for n in (0, SHORT, LONG))
    assert many - alone < MOST * (few - alone)
    assert (many - few) / (LONG - SHORT) < 1000
