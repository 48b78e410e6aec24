"""Best effort (RFC 5763 section 6.11, RFC 8643): plain RTP where a peer shows no keys at all."""

from __future__ import annotations

import re

import pytest

from peer.configuration.security_policy import BestEffort
from peer.descriptions import SdpType, SessionDescription
from peer.errors import DescriptionError, DowngradeError, FingerprintError
from peer.negotiation.effects import ConnectDtls, Listen, SendUnencrypted
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side
from peer.states import DtlsRole, MediaEncryption
from tests.support.negotiation.offer_answer import (
    ROLLBACK,
    add_track,
    an_offer,
    answer_of,
    described,
    exchange,
    offer_of,
    profile,
    refused,
    rejected,
    set_local,
    set_remote,
)
from tests.support.negotiation.sessions import check_session

FINGERPRINT = f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}"
CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"

#: Lines that show a key management, in an m-section or before all of them.
KEYING_LINES = (
    FINGERPRINT,
    "a=fingerprint:md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
    "a=setup:actpass",
    CRYPTO,
    "a=zrtp-hash:1.10 0123456789abcdef",
    "a=key-mgmt:mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyO",
    "a=identity:eyJpZHAiOnsiZG9tYWluIjoi",
    "a=tcap:1 RTP/SAVP",
    "a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0",
    f"a=acap:2 {FINGERPRINT[2:]}",
    "k=clear:secret",
)


def end(seed: int = 2, best_effort: BestEffort = BestEffort.PLAIN_RTP) -> OfferAnswer:
    return OfferAnswer(profile(seed, best_effort=best_effort))


def strict(seed: int = 2) -> OfferAnswer:
    """An end without leniency, which says why it refuses."""
    return OfferAnswer(profile(seed, best_effort=BestEffort.PLAIN_RTP, leniency=frozenset()))


def offering(
    seed: int = 1, *kinds: str, best_effort: BestEffort = BestEffort.PLAIN_RTP
) -> OfferAnswer:
    made = end(seed, best_effort)
    for kind in kinds or ("audio",):
        if kind == "data":
            made.request_data()
        else:
            add_track(made, kind)
    return made


def unkeyed(description: SessionDescription, protocol: str = "RTP/AVP") -> SessionDescription:
    """The description as a phone without any key management would write it."""
    text = re.sub(r"a=(fingerprint|setup|tls-id|group)\b[^\r]*\r\n", "", description.sdp)
    text = re.sub(r"(m=(?:audio|video) \d+) \S+", rf"\1 {protocol}", text)
    return SessionDescription(text, description.type)


def with_line(
    description: SessionDescription, line: str, *, session_level: bool
) -> SessionDescription:
    """The description with one more line."""
    place = "t=0 0\r\n" if session_level else "a=rtcp-mux\r\n"
    assert place in description.sdp
    # RFC 8866 section 5: `k=` stands before all attributes, and we read it anywhere.
    text = description.sdp.replace(place, f"{place}{line}\r\n", 1)
    return SessionDescription(text, description.type)


def encryptions(made: OfferAnswer) -> list[MediaEncryption]:
    return [transport.encryption for transport in made.session.transports]


def plain_call() -> tuple[OfferAnswer, OfferAnswer]:
    """Two ends that have agreed on plain RTP, as somebody took the keys out of the first offer."""
    left, right = offering(1), end(2)
    set_remote(right, unkeyed(offer_of(left)))
    set_remote(left, answer_of(right))
    return left, right


def secure_call() -> tuple[OfferAnswer, OfferAnswer]:
    left, right = offering(1), end(2)
    exchange(left, right)
    return left, right


def test_best_effort_offer_is_rtp_avp_with_fingerprint_and_setup() -> None:
    offer = Sdp.parse(offer_of(offering(1, "audio", "video", "data")).sdp)
    audio, video, data = offer.media
    for section in (audio, video):
        assert section.media_line.protocol == "RTP/AVP"
        assert section.fingerprints
        assert section.attribute("setup") == "actpass"
    assert data.media_line.protocol == "UDP/DTLS/SCTP"


def test_offer_without_best_effort_names_a_secure_profile() -> None:
    offer = Sdp.parse(offer_of(offering(best_effort=BestEffort.OFF)).sdp)
    assert offer.media[0].media_line.protocol == "UDP/TLS/RTP/SAVPF"


@pytest.mark.parametrize("best_effort", BestEffort)
def test_best_effort_offer_is_dtls_srtp_with_a_peer_that_has_keys(best_effort: BestEffort) -> None:
    left, right = offering(1), end(2, best_effort)
    _, answer = exchange(left, right)
    assert answer.media[0].media_line.protocol == "RTP/AVP"
    assert answer.media[0].fingerprints
    assert encryptions(left) == encryptions(right) == [MediaEncryption.DTLS_SRTP]
    check_session(left.session)


@pytest.mark.parametrize("protocol", ["RTP/AVP", "RTP/AVPF"])
def test_answer_without_keys_to_a_best_effort_offer_is_plain_rtp(protocol: str) -> None:
    left, right = offering(1), end(2)
    set_remote(right, offer_of(left))
    effects = set_remote(left, unkeyed(answer_of(right), protocol))
    assert [type(each) for each in effects if isinstance(each, SendUnencrypted | ConnectDtls)] == [
        SendUnencrypted
    ]
    assert encryptions(left) == [MediaEncryption.NONE]
    check_session(left.session)


@pytest.mark.parametrize("protocol", ["RTP/AVP", "RTP/AVPF"])
def test_offer_without_keys_is_answered_by_plain_rtp_in_its_profile(protocol: str) -> None:
    right = end()
    set_remote(right, unkeyed(an_offer("audio"), protocol))
    effects = set_local(right)
    assert not [each for each in effects if isinstance(each, Listen | ConnectDtls)]
    assert [each for each in effects if isinstance(each, SendUnencrypted)]
    answer = Sdp.parse(described(right, Side.LOCAL).sdp)
    assert answer.media[0].media_line.protocol == protocol
    assert answer.keying_line is None
    check_session(right.session)


def test_offer_without_keys_is_rejected_without_best_effort() -> None:
    right = end(2, BestEffort.OFF)
    set_remote(right, unkeyed(an_offer("audio")))
    assert rejected(Sdp.parse(answer_of(right).sdp)) == [True]


def test_answer_without_keys_is_refused_without_best_effort() -> None:
    left, right = offering(1, best_effort=BestEffort.OFF), end(2)
    set_remote(right, offer_of(left))
    refused(left, unkeyed(answer_of(right)), FingerprintError, "no a=fingerprint")


@pytest.mark.parametrize("session_level", [False, True])
@pytest.mark.parametrize("line", KEYING_LINES, ids=lambda line: re.split("[: ]", line)[0])
def test_offer_that_shows_any_keying_is_never_taken_as_plain_rtp(
    line: str, *, session_level: bool
) -> None:
    offer = with_line(unkeyed(an_offer("audio")), line, session_level=session_level)
    right = end()
    if "sha-256" in line and "acap" not in line:
        set_remote(right, offer)
        set_local(right)
        assert encryptions(right) == [MediaEncryption.DTLS_SRTP]
        return
    refused(strict(), offer, FingerprintError, "fingerprint|md5")
    if "md5" not in line:
        set_remote(right, offer)
        assert rejected(Sdp.parse(answer_of(right).sdp)) == [True]


@pytest.mark.parametrize("session_level", [False, True])
@pytest.mark.parametrize("line", KEYING_LINES, ids=lambda line: re.split("[: ]", line)[0])
def test_answer_that_shows_any_keying_is_never_taken_as_plain_rtp(
    line: str, *, session_level: bool
) -> None:
    left, right = offering(1), end(2)
    set_remote(right, offer_of(left))
    answer = with_line(unkeyed(answer_of(right)), line, session_level=session_level)
    before = left.session
    with pytest.raises(DescriptionError, match=r"fingerprint|setup|md5"):
        left.plan(Side.REMOTE, answer)
    assert left.session is before


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF"])
def test_secure_profile_without_keys_is_never_taken_as_plain_rtp(protocol: str) -> None:
    refused(strict(), unkeyed(an_offer("audio"), protocol), FingerprintError, "no a=fingerprint")


def test_plain_section_beside_one_with_keys_is_rejected_alone() -> None:
    offer = an_offer("audio", "video")
    audio, video = offer.sdp.split("m=video")
    plain = unkeyed(SessionDescription(audio, SdpType.OFFER)).sdp
    mixed = SessionDescription(f"{plain}m=video{video}", SdpType.OFFER)
    right = end()
    set_remote(right, mixed)
    assert rejected(Sdp.parse(answer_of(right).sdp)) == [True, False]
    assert encryptions(right) == [MediaEncryption.DTLS_SRTP]


def test_data_channels_are_never_unencrypted() -> None:
    right = end()
    set_remote(right, unkeyed(an_offer("audio", "data")))
    assert rejected(Sdp.parse(answer_of(right).sdp)) == [False, True]
    refused(strict(), unkeyed(an_offer("data")), FingerprintError, "no a=fingerprint")


def test_answer_without_keys_that_accepts_data_channels_is_refused() -> None:
    left, right = offering(1, "audio", "data"), end(2)
    set_remote(right, offer_of(left))
    refused(left, unkeyed(answer_of(right)), FingerprintError, "no a=fingerprint")


def test_secure_connection_refuses_a_reoffer_without_keys_by_name() -> None:
    left, right = secure_call()
    error = refused(right, unkeyed(offer_of(left)), DowngradeError, "was encrypted before")
    assert error.mid == "0"


def test_secure_connection_refuses_an_answer_without_keys_by_name() -> None:
    left, right = secure_call()
    set_remote(right, offer_of(left))
    refused(left, unkeyed(answer_of(right)), DowngradeError, "was encrypted before")


def test_provisional_answer_with_keys_is_not_followed_by_one_without() -> None:
    left, right = offering(1), end(2)
    set_remote(right, offer_of(left))
    answer = answer_of(right)
    set_remote(left, SessionDescription(answer.sdp, SdpType.PRANSWER))
    refused(left, unkeyed(answer), DowngradeError, "was encrypted before")


def test_rollback_does_not_forget_that_a_connection_was_encrypted() -> None:
    left, right = secure_call()
    set_remote(right, offer_of(left))
    set_remote(right, ROLLBACK)
    assert right.session.was_encrypted
    refused(right, unkeyed(described(left, Side.LOCAL)), DowngradeError, "was encrypted before")


def test_provisional_answer_without_keys_may_be_repeated_by_the_answer() -> None:
    left, right = offering(1), end(2)
    set_remote(right, offer_of(left))
    answer = unkeyed(answer_of(right))
    set_remote(left, SessionDescription(answer.sdp, SdpType.PRANSWER))
    effects = set_remote(left, answer)
    assert not [each for each in effects if isinstance(each, SendUnencrypted)]
    assert encryptions(left) == [MediaEncryption.NONE]


def test_plain_call_offers_keys_again_and_becomes_encrypted() -> None:
    left, right = plain_call()
    offer = offer_of(left)
    assert Sdp.parse(offer.sdp).media[0].fingerprints
    set_remote(right, offer)
    answering = set_local(right)
    effects = set_remote(left, described(right, Side.LOCAL))
    for each, role in ((answering, DtlsRole.CLIENT), (effects, DtlsRole.SERVER)):
        (connect,) = [effect for effect in each if isinstance(effect, ConnectDtls)]
        assert connect.role is role
    assert encryptions(left) == encryptions(right) == [MediaEncryption.DTLS_SRTP]
    assert left.session.was_encrypted
    check_session(left.session)


def test_plain_call_stays_plain_where_the_peer_declines_keys_again() -> None:
    left, right = plain_call()
    set_remote(right, unkeyed(offer_of(left)))
    effects = (*set_local(right), *set_remote(left, described(right, Side.LOCAL)))
    assert not [e for e in effects if isinstance(e, SendUnencrypted | ConnectDtls | Listen)]
    assert encryptions(left) == encryptions(right) == [MediaEncryption.NONE]


def test_plain_call_restarts_ice() -> None:
    left, right = plain_call()
    before = left.session.transports[0].local
    left.restart_ice()
    set_remote(right, unkeyed(offer_of(left)))
    set_remote(left, answer_of(right))
    for made in (left, right):
        (transport,) = made.session.transports
        assert transport.encryption is MediaEncryption.NONE
        assert transport.remote_ice is not None
    assert left.session.transports[0].local != before
    check_session(left.session)


def test_reoffer_to_an_encrypted_peer_keeps_the_profile_of_the_session() -> None:
    left, right = OfferAnswer(profile(1)), end(2)
    add_track(left, "audio")
    exchange(left, right)
    offer = Sdp.parse(offer_of(right).sdp)
    assert offer.media[0].media_line.protocol == "UDP/TLS/RTP/SAVPF"


def test_tls_id_that_a_middle_box_passes_on_to_a_plain_leg_is_no_sign_of_keys() -> None:
    right = end()
    line = "a=tls-id:abcdefghijklmnopqrst"
    set_remote(right, with_line(unkeyed(an_offer("audio")), line, session_level=False))
    set_local(right)
    assert encryptions(right) == [MediaEncryption.NONE]


def test_osrtp_offer_of_several_key_managements_is_answered_with_dtls_alone() -> None:
    """RFC 8643 section 3.2: an answer has the attributes of one key management only."""
    offer = with_line(an_offer("audio"), CRYPTO, session_level=False)
    offer = SessionDescription(offer.sdp.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), offer.type)
    right = end()
    set_remote(right, offer)
    answer = Sdp.parse(answer_of(right).sdp)
    assert answer.media[0].fingerprints
    assert not answer.media[0].has("crypto")
    assert encryptions(right) == [MediaEncryption.DTLS_SRTP]
