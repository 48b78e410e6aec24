"""Keys of SDES by offer and answer (RFC 4568): only where asked for, and beside no fingerprint."""

from __future__ import annotations

import re

import pytest

from peer.configuration.sdes import Sdes
from peer.descriptions import SdpType, SessionDescription
from peer.errors import (
    DescriptionError,
    DowngradeError,
    FingerprintError,
    InsecureSignalingError,
    InvalidStateError,
    ModificationError,
)
from peer.negotiation.effects import ConnectDtls, Listen, SendUnencrypted, UseSdesKeys
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.crypto import Crypto
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side
from peer.srtp_keys import CryptoSuite, SrtpMasterKeys
from peer.states import MediaEncryption
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

PROTECTED = Sdes(signaling_is_protected=True)
SHA1_80 = CryptoSuite.AES_CM_128_HMAC_SHA1_80
SHA1_32 = CryptoSuite.AES_CM_128_HMAC_SHA1_32
FINGERPRINT = f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}"


def end(seed: int = 2, sdes: Sdes | None = PROTECTED, **changes: object) -> OfferAnswer:
    return OfferAnswer(profile(seed, sdes=sdes, **changes))


def offering(seed: int = 1, *kinds: str, sdes: Sdes | None = PROTECTED) -> OfferAnswer:
    made = end(seed, sdes)
    for kind in kinds or ("audio",):
        add_track(made, kind)
    return made


def of_suites(*suites: CryptoSuite) -> Sdes:
    return Sdes(suites=suites, signaling_is_protected=True)


def cryptos(sdp: Sdp | SessionDescription, index: int = 0) -> list[Crypto]:
    read = sdp if isinstance(sdp, Sdp) else Sdp.parse(sdp.sdp)
    return [Crypto.parse(line.argument) for line in read.media[index].attributes("crypto")]


def keys_of(effects: object) -> list[SrtpMasterKeys]:
    assert isinstance(effects, tuple)
    return [each.keys for each in effects if isinstance(each, UseSdesKeys)]


def agreed(made: OfferAnswer) -> SrtpMasterKeys:
    (transport,) = made.session.transports
    assert transport.encryption is MediaEncryption.SDES_SRTP
    assert transport.sdes is not None
    assert transport.sdes.keys is not None
    return transport.sdes.keys


def call(
    left: Sdes = PROTECTED, right: Sdes = PROTECTED, kinds: tuple[str, ...] = ("audio",)
) -> tuple[OfferAnswer, OfferAnswer]:
    one, other = offering(1, *kinds, sdes=left), end(2, right)
    exchange(one, other)
    return one, other


def with_changed(description: SessionDescription, pattern: str, by: str) -> SessionDescription:
    text, number = re.subn(pattern, by, description.sdp)
    assert number
    return SessionDescription(text, description.type)


def test_offer_has_a_key_of_each_suite_and_no_fingerprint() -> None:
    left = offering(1, "audio", "video")
    offer = Sdp.parse(offer_of(left).sdp)
    for index, section in enumerate(offer.media):
        assert section.media_line.protocol == "RTP/SAVP"
        assert [each.key.suite for each in cryptos(offer, index)] == list(CryptoSuite)
        assert [each.tag for each in cryptos(offer, index)] == [1, 2, 3, 4]
        assert not section.has("setup")
        assert not section.has("tls-id")
    assert not offer.shows_fingerprint
    materials = [each.key.material for each in cryptos(offer)]
    assert len(set(materials)) == len(materials)


def test_offer_makes_no_end_listen_for_a_handshake() -> None:
    effects = set_local(offering(1))
    assert not [each for each in effects if isinstance(each, Listen | ConnectDtls | UseSdesKeys)]


def test_answer_repeats_the_tag_and_has_a_key_of_its_own() -> None:
    left, right = offering(1), end(2)
    offer = offer_of(left)
    set_remote(right, offer)
    answering = set_local(right)
    answer = described(right, Side.LOCAL)
    (ours,) = cryptos(answer)
    first = cryptos(offer)[0]
    assert (ours.tag, ours.key.suite) == (first.tag, first.key.suite)
    assert ours.key.material != first.key.material
    assert Sdp.parse(answer.sdp).media[0].media_line.protocol == "RTP/SAVP"
    assert keys_of(answering) == [SrtpMasterKeys(ours=ours.key, theirs=first.key)]
    taking = set_remote(left, answer)
    assert keys_of(taking) == [SrtpMasterKeys(ours=first.key, theirs=ours.key)]
    for made in (left, right):
        agreed(made)
        assert made.session.was_encrypted
        check_session(made.session)


def test_first_suite_of_the_offer_that_the_answerer_takes_is_chosen_by_its_tag() -> None:
    left, right = offering(1), end(2, of_suites(SHA1_32, SHA1_80))
    _, answer = exchange(left, right)
    assert [(each.tag, each.key.suite) for each in cryptos(answer)] == [(3, SHA1_80)]
    assert agreed(left).ours.suite is agreed(right).ours.suite is SHA1_80


def test_offer_without_a_suite_in_common_is_rejected() -> None:
    left, right = offering(1, sdes=of_suites(SHA1_32)), end(2, of_suites(SHA1_80))
    offer = offer_of(left)
    strict = end(3, of_suites(SHA1_80), leniency=frozenset())
    refused(strict, offer, DescriptionError, "no crypto suite that is accepted")
    set_remote(right, offer)
    assert rejected(Sdp.parse(answer_of(right).sdp)) == [True]


def test_offer_with_keys_is_rejected_where_sdes_was_not_asked_for() -> None:
    right = end(2, None)
    set_remote(right, offer_of(offering(1)))
    assert rejected(Sdp.parse(answer_of(right).sdp)) == [True]


def test_answer_with_keys_is_refused_where_dtls_was_offered() -> None:
    left, right = offering(1, sdes=None), end(2)
    set_remote(right, offer_of(left))
    answer = with_changed(answer_of(right), "a=fingerprint:[^\r]*", f"{cryptos_line()}")
    refused(left, answer, FingerprintError, "no a=fingerprint")


def cryptos_line() -> str:
    return Crypto.generate([SHA1_80], bytes)[0].line.text


@pytest.mark.parametrize("place", ["session", "section", "other section", "capability"])
def test_fingerprint_anywhere_in_an_offer_makes_its_keys_count_for_nothing(place: str) -> None:
    text = offer_of(offering(1, "audio", "video")).sdp
    match place:
        case "session":
            text = text.replace("t=0 0\r\n", f"t=0 0\r\n{FINGERPRINT}\r\na=setup:actpass\r\n")
        case "section":
            text = text.replace("a=mid:0\r\n", f"a=mid:0\r\n{FINGERPRINT}\r\na=setup:actpass\r\n")
        case "other section":
            text = text.replace("a=mid:1\r\n", f"a=mid:1\r\n{FINGERPRINT}\r\na=setup:actpass\r\n")
        case _:
            text = text.replace("a=mid:0\r\n", f"a=mid:0\r\na=acap:1 {FINGERPRINT[2:]}\r\n")
    right = end(2)
    set_remote(right, SessionDescription(text, SdpType.OFFER))
    set_local(right)
    answer = Sdp.parse(described(right, Side.LOCAL).sdp)
    assert not any(section.has("crypto") for section in answer.media)
    assert all(t.encryption is MediaEncryption.DTLS_SRTP for t in right.session.transports)


def test_answer_with_a_fingerprint_to_an_offer_of_keys_is_refused() -> None:
    left, right = offering(1), end(2)
    set_remote(right, offer_of(left))
    text = answer_of(right).sdp.replace("a=mid:0", f"{FINGERPRINT}\r\na=setup:active\r\na=mid:0")
    error = "fingerprint where the offer has a=crypto"
    refused(left, SessionDescription(text, SdpType.ANSWER), DescriptionError, error)


def test_dtls_is_answered_by_dtls_where_sdes_is_allowed_and_stays() -> None:
    left, right = offering(1, sdes=None), end(2)
    exchange(left, right)
    assert [t.encryption for t in right.session.transports] == [MediaEncryption.DTLS_SRTP]
    offer = Sdp.parse(offer_of(right).sdp)
    assert offer.media[0].fingerprints
    assert not offer.media[0].has("crypto")


def test_connection_that_had_dtls_refuses_keys_of_signalling_by_name() -> None:
    left, right = offering(1, sdes=None), end(2)
    exchange(left, right)
    text = re.sub(r"a=(fingerprint|setup|tls-id)\b[^\r]*\r\n", "", offer_of(left).sdp)
    text = text.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVP")
    text = text.replace("a=mid:0", f"{cryptos_line()}\r\na=mid:0")
    reoffer = SessionDescription(text, SdpType.OFFER)
    refused(right, reoffer, DowngradeError, "was by DTLS encrypted before")


def test_connection_that_had_keys_refuses_plain_rtp() -> None:
    left, right = call()
    offer = with_changed(offer_of(left), r"a=crypto:[^\r]*\r\n", "")
    offer = with_changed(offer, "RTP/SAVP", "RTP/AVP")
    refused(right, offer, FingerprintError, "no a=fingerprint")


@pytest.mark.parametrize(
    ("pattern", "by"),
    [
        (r"a=crypto:1 ", "a=crypto:9 "),
        (r"a=crypto:1 AEAD_AES_256_GCM inline:\S+", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"),
        (r"inline:\S+", "inline:c2hvcnQ="),
    ],
    ids=["tag", "suite", "key"],
)
def test_answer_that_takes_no_key_of_the_offer_is_refused(pattern: str, by: str) -> None:
    left, right = offering(1), end(2)
    set_remote(right, offer_of(left))
    answer = with_changed(answer_of(right), pattern, by)
    before = left.session
    with pytest.raises(DescriptionError, match=r"a=crypto|salt") as error:
        left.plan(Side.REMOTE, answer)
    assert left.session is before
    assert "inline" not in str(error.value)


def test_reoffer_has_the_same_key_first_and_changes_nothing() -> None:
    left, right = call()
    before = agreed(left)
    for offerer, answerer in ((left, right), (right, left)):
        offer = offer_of(offerer)
        assert cryptos(offer)[0].key == agreed(offerer).ours
        effects = (*set_remote(answerer, offer), *set_local(answerer))
        effects += set_remote(offerer, described(answerer, Side.LOCAL))
        assert keys_of(effects) == []
    assert agreed(left) == before
    check_session(left.session)


def test_reoffer_with_a_new_key_of_the_peer_changes_its_direction_alone() -> None:
    left, right = call()
    before = agreed(right)
    new = Crypto.generate([CryptoSuite.AEAD_AES_256_GCM], bytes)[0]
    offer = with_changed(offer_of(left), r"a=crypto:1 [^\r]*", new.line.text)
    set_remote(right, offer)
    assert keys_of(set_local(right)) == [SrtpMasterKeys(ours=before.ours, theirs=new.key)]


def test_new_peer_in_the_place_of_the_former_gets_a_new_key_of_ours() -> None:
    """It does not know how often our sequence numbers have wrapped (RFC 3711 section 3.3.1)."""
    left, right = call()
    before = agreed(right)
    new = Crypto.generate([CryptoSuite.AEAD_AES_256_GCM], bytes)[0]
    offer = with_changed(offer_of(left), r"a=crypto:1 [^\r]*", new.line.text)
    set_remote(right, with_changed(offer, r"o=- \d+", "o=- 4711"))
    (keys,) = keys_of(set_local(right))
    assert keys.ours != before.ours
    assert cryptos(described(right, Side.LOCAL))[0].key == keys.ours


def test_reoffer_of_another_suite_is_answered_with_a_new_key() -> None:
    left, right = call()
    offer = with_changed(offer_of(left), r"a=crypto:1 [^\r]*\r\n", "")
    set_remote(right, offer)
    (answering,) = keys_of(set_local(right))
    (taking,) = keys_of(set_remote(left, described(right, Side.LOCAL)))
    assert answering.ours == taking.theirs
    assert answering.theirs == taking.ours
    assert taking.ours.suite is CryptoSuite.AEAD_AES_128_GCM


def test_offer_that_is_taken_back_leaves_the_keys_as_they_were() -> None:
    left, right = call()
    before = agreed(right)
    set_remote(right, offer_of(left))
    assert keys_of(set_remote(right, ROLLBACK)) == []
    set_local(left, ROLLBACK)
    assert agreed(right) == before
    assert agreed(left).ours == before.theirs


def test_provisional_answer_is_repeated_by_the_answer_and_not_changed_by_it() -> None:
    left, right = offering(1), end(2)
    set_remote(right, offer_of(left))
    answer = answer_of(right)
    effects = set_remote(left, SessionDescription(answer.sdp, SdpType.PRANSWER))
    assert len(keys_of(effects)) == 1
    other = Crypto.generate([CryptoSuite.AEAD_AES_256_GCM], bytes)[0]
    changed = with_changed(answer, r"a=crypto:1 [^\r]*", other.line.text)
    refused(left, changed, ModificationError, "another a=crypto than the provisional")
    assert keys_of(set_remote(left, answer)) == []


def test_data_channels_are_refused_beside_keys_of_signalling() -> None:
    with pytest.raises(InvalidStateError, match="data channels need DTLS"):
        end(1).request_data()
    text = offer_of(offering(1)).sdp + (
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
        "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=mid:5\r\na=sctp-port:5000\r\n"
    )
    right = end(2)
    set_remote(right, SessionDescription(text, SdpType.OFFER))
    assert rejected(Sdp.parse(answer_of(right).sdp)) == [False, True]


def test_section_without_keys_beside_one_with_keys_is_rejected_alone() -> None:
    audio, _, video = offer_of(offering(1, "audio", "video")).sdp.partition("m=video")
    video = re.sub(r"a=crypto:[^\r]*\r\n", "", f"m=video{video}")
    text = re.sub(r"a=group[^\r]*\r\n", "", audio) + video.replace("m=video 0", "m=video 9")
    right = end(2)
    set_remote(right, SessionDescription(text.replace("a=bundle-only\r\n", ""), SdpType.OFFER))
    effects = set_local(right)
    assert rejected(Sdp.parse(described(right, Side.LOCAL).sdp)) == [False, True]
    assert not [each for each in effects if isinstance(each, SendUnencrypted)]


def test_nothing_with_keys_is_made_or_taken_while_signalling_is_not_protected() -> None:
    left, right = offering(1, sdes=Sdes()), end(2, Sdes())
    with pytest.raises(InsecureSignalingError, match="not protected"):
        left.create_offer()
    with pytest.raises(InsecureSignalingError, match="not protected"):
        set_local(left)
    offer = offer_of(offering(3))
    before = right.session
    with pytest.raises(InsecureSignalingError, match="not protected"):
        right.plan(Side.REMOTE, offer)
    assert right.session is before
    left.signaling_is_protected = right.signaling_is_protected = True
    exchange(left, right)
    assert agreed(left).ours == agreed(right).theirs


def test_answer_is_not_made_once_signalling_is_known_to_be_unprotected() -> None:
    right = end(2)
    set_remote(right, offer_of(offering(1)))
    right.signaling_is_protected = False
    with pytest.raises(InsecureSignalingError):
        right.create_answer()


def test_dtls_needs_no_protected_signalling_where_sdes_is_allowed() -> None:
    right = end(2, Sdes())
    set_remote(right, an_offer("audio"))
    set_local(right)
    assert [t.encryption for t in right.session.transports] == [MediaEncryption.DTLS_SRTP]


def test_session_and_effects_show_no_key() -> None:
    left, right = call()
    effects = set_remote(right, offer_of(left))
    shown = f"{left.session!r} {right.session!r} {effects!r} {set_local(right)!r}"
    for made in (left, right):
        for key in (agreed(made).ours, agreed(made).theirs):
            line = Crypto(tag=1, key=key).line.text.partition("inline:")[2]
            assert line not in shown
            assert repr(key.material) not in shown
    assert "inline" not in repr(described(left, Side.LOCAL))
