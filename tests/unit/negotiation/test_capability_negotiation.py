"""RFC 5939 in offers: DTLS-SRTP as a potential configuration beside plain RTP is taken."""

from __future__ import annotations

import re

import pytest

from peer.configuration.security_policy import BestEffort
from peer.descriptions import SessionDescription
from peer.negotiation.decisions import decisions
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side
from peer.states import MediaEncryption
from peer.times import UnixTime
from peer.tracing.events import AssociationDecided
from tests.support.negotiation.offer_answer import (
    an_offer,
    answer_of,
    profile,
    rejected,
    set_remote,
)

FINGERPRINT = f"fingerprint:sha-256 {':'.join(['AB'] * 32)}"
DTLS = "UDP/TLS/RTP/SAVP"


def offer(*lines: str, session: tuple[str, ...] = ()) -> SessionDescription:
    """An offer of plain RTP with lines in its m-section, or before it."""
    made = an_offer("audio")
    text = re.sub(r"a=(fingerprint|setup|tls-id|group)\b[^\r]*\r\n", "", made.sdp)
    text = text.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")
    text += "".join(f"a={line}\r\n" for line in lines)
    text = text.replace("t=0 0\r\n", "t=0 0\r\n" + "".join(f"a={line}\r\n" for line in session))
    return SessionDescription(text, made.type)


def answered(
    description: SessionDescription, best_effort: BestEffort = BestEffort.PLAIN_RTP
) -> tuple[Sdp, OfferAnswer]:
    end = OfferAnswer(profile(2, best_effort=best_effort))
    set_remote(end, description)
    return Sdp.parse(answer_of(end).sdp), end


def chosen(sdp: Sdp) -> list[str]:
    return [line.argument for line in sdp.media[0].attributes("acfg")]


@pytest.mark.parametrize("best_effort", BestEffort)
def test_potential_dtls_srtp_beside_plain_rtp_is_taken_and_answered_with_acfg(
    best_effort: BestEffort,
) -> None:
    lines = (f"tcap:1 {DTLS}", f"acap:1 {FINGERPRINT}", "acap:2 setup:actpass", "pcfg:1 t=1 a=1,2")
    answer, end = answered(offer(*lines), best_effort)
    assert answer.media[0].media_line.protocol == DTLS
    assert chosen(answer) == ["1 t=1 a=1,2"]
    assert answer.media[0].attribute("setup") == "active"
    (transport,) = end.session.transports
    assert transport.encryption is MediaEncryption.DTLS_SRTP
    assert transport.association.remote is not None
    assert str(transport.association.remote.fingerprints[0]) == FINGERPRINT.partition(":")[2]


def test_offer_of_rfc_5763_section_7_1_is_dtls_srtp_with_its_actual_fingerprint() -> None:
    session = ("setup:actpass", FINGERPRINT)
    answer, _ = answered(offer(f"tcap:1 {DTLS} RTP/AVP", "pcfg:1 t=1", session=session))
    assert answer.media[0].media_line.protocol == DTLS
    assert chosen(answer) == ["1 t=1"]


def test_capabilities_of_the_session_level_count() -> None:
    session = (f"tcap:1 RTP/SAVP {DTLS}", f"acap:1 {FINGERPRINT}")
    answer, _ = answered(offer("pcfg:7 t=2 a=1", session=session))
    assert chosen(answer) == ["7 t=2 a=1"]


def test_lowest_usable_configuration_is_preferred() -> None:
    lines = (
        f"tcap:1 RTP/SAVP {DTLS} UDP/TLS/RTP/SAVPF",
        f"acap:1 {FINGERPRINT}",
        "acap:2 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0",
        "pcfg:3 t=2 a=1",
        "pcfg:2 t=1|3 a=2|1",
        "pcfg:1 t=1 a=2",
    )
    answer, _ = answered(offer(*lines))
    assert chosen(answer) == ["2 t=3 a=1"]
    assert answer.media[0].media_line.protocol == "UDP/TLS/RTP/SAVPF"


def test_optional_attributes_are_left_out() -> None:
    lines = (f"tcap:1 {DTLS}", f"acap:1 {FINGERPRINT}", "acap:2 x-novel:1", "pcfg:1 t=1 a=1,[2]")
    assert chosen(answered(offer(*lines))[0]) == ["1 t=1 a=1"]


@pytest.mark.parametrize(
    "lines",
    [
        # SDES, which is not asked for.
        ("tcap:1 RTP/SAVP", "acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2V", "pcfg:1 t=1 a=1"),
        # No fingerprint anywhere.
        (f"tcap:1 {DTLS}", "pcfg:1 t=1"),
        # An attribute that must be understood and is not.
        (f"tcap:1 {DTLS}", f"acap:1 {FINGERPRINT}", "acap:2 x-novel:1", "pcfg:1 t=1 a=1,2"),
        # An extension that must be understood.
        (f"tcap:1 {DTLS}", f"acap:1 {FINGERPRINT}", "pcfg:1 t=1 a=1 +m=1"),
        # Attributes of the actual configuration are to go.
        (f"tcap:1 {DTLS}", f"acap:1 {FINGERPRINT}", "pcfg:1 t=1 a=-m:1"),
        # A capability that is not there, or malformed.
        (f"tcap:1 {DTLS}", f"acap:1 {FINGERPRINT}", "pcfg:1 t=2 a=9"),
        (f"tcap:1 {DTLS}", "acap:1 fingerprint:sha-256 nonsense", "pcfg:1 t=1 a=1"),
        (f"tcap:one {DTLS}", f"acap:x {FINGERPRINT}", "pcfg:y t=|| a=,,"),
        ("tcap:", "acap:", "pcfg:", f"acap:1 {FINGERPRINT}"),
    ],
)
def test_configuration_that_cannot_be_taken_leaves_no_way_to_plain_rtp(
    lines: tuple[str, ...],
) -> None:
    answer, _ = answered(offer(*lines))
    assert rejected(answer) == [True]
    assert not chosen(answer)


def test_capabilities_without_keys_leave_plain_rtp_as_it_is() -> None:
    answer, end = answered(offer("tcap:1 RTP/AVPF", "pcfg:1 t=1"))
    assert answer.media[0].media_line.protocol == "RTP/AVP"
    assert end.session.transports[0].encryption is MediaEncryption.NONE


def test_acfg_of_the_peer_is_not_repeated() -> None:
    answer, _ = answered(offer("acfg:1 t=1", FINGERPRINT, "setup:actpass"))
    assert not chosen(answer)


def test_many_configurations_are_looked_at_in_bounds() -> None:
    many = "|".join(map(str, range(1, 2000)))
    lines = ("tcap:1 RTP/SAVP", f"pcfg:1 t={many} a={many}", f"acap:1 {FINGERPRINT}")
    assert rejected(answered(offer(*lines))[0]) == [True]


def test_taken_configuration_is_traced_with_the_answer() -> None:
    end = OfferAnswer(profile(2))
    set_remote(end, offer(f"tcap:1 {DTLS}", f"acap:1 {FINGERPRINT}", "pcfg:1 t=1 a=1"))
    before = end.session
    end.commit(end.plan(Side.LOCAL, None))
    found = decisions(before, end.session, UnixTime(1.0))
    (event,) = [each for each in found if isinstance(each, AssociationDecided)]
    assert event.reason.endswith("the peer's potential configuration 1 t=1 a=1 is taken (RFC 5939)")
