from __future__ import annotations

import re

import pytest

from peer.configuration import BundlePolicy, SdpLimits
from peer.descriptions import SdpType, SessionDescription
from peer.errors import (
    DescriptionError,
    FingerprintError,
    InvalidStateError,
    ModificationError,
    SdpLimitError,
    SdpSyntaxError,
    SetupError,
)
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection, Setup
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side
from peer.states import DtlsRole
from tests.support.negotiation.offer_answer import (
    add,
    add_track,
    an_offer,
    answer_of,
    edited,
    exchange,
    kinds,
    offer_of,
    pair,
    profile,
    refused,
    set_local,
    set_remote,
    without,
)
from tests.support.negotiation.sessions import check_agreement

Edits = list[tuple[str, str]]

A = "a=mid:0\r\n"


def fresh() -> OfferAnswer:
    """An end without leniency (see test_leniency.py), which judges by the standards alone."""
    return OfferAnswer(profile(2, leniency=frozenset()))


def with_another(description: SessionDescription, attribute: str) -> SessionDescription:
    """The description with another value of an attribute in its last m-section."""
    values = {
        "fingerprint": f"sha-256 {':'.join(['AB'] * 32)}",
        "tls-id": "x" * 20,
        "setup": "passive",
    }
    head, mark, last = description.sdp.rpartition("m=")
    last = re.sub(rf"a={attribute}:.*\r\n", f"a={attribute}:{values[attribute]}\r\n", last)
    return SessionDescription(head + mark + last, description.type)


def offer() -> SessionDescription:
    return an_offer("audio", "video", "data")


def answering() -> tuple[OfferAnswer, SessionDescription]:
    """An end that has offered, and an answer to it."""
    left, right = pair(leniency=frozenset())
    for kind in ("audio", "video"):
        add_track(left, kind)
    left.request_data()
    set_remote(right, offer_of(left))
    return left, answer_of(right)


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([("BUNDLE 0 1 2", "BUNDLE 0 1 2 9")], "'9', which is no m-section"),
        ([("BUNDLE 0 1 2", "BUNDLE 0 1 2 0")], "'0' twice"),
        ([("BUNDLE 0 1 2", "BUNDLE 0 1\r\na=group:BUNDLE 1 2")], "'1' twice"),
        ([("a=rtcp-mux\r\n", "")], "rtcp-mux"),
    ],
)
def test_offer_that_contradicts_itself_is_refused(edits: Edits, words: str) -> None:
    refused(fresh(), edited(offer(), *edits), DescriptionError, words)


@pytest.mark.parametrize("name", ["ice-ufrag", "ice-pwd"])
def test_offer_without_ice_credentials_is_refused(name: str) -> None:
    error = refused(fresh(), without(offer(), name), DescriptionError, f"no a={name}")
    assert error.mid == "0"


def test_an_offer_that_holds_is_refused_before_anybody_waits_for_an_answer() -> None:
    error = refused(fresh(), edited(offer(), ("actpass", "holdconn")), SetupError, "hold")
    assert error.line == "a=setup:holdconn"
    assert error.mid == "0"


@pytest.mark.conformance("5-answer-accept")
@pytest.mark.parametrize("connected", [False, True], ids=["first", "later"])
@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("a=setup:actpass\r\n", "a=setup:actpass"),
        ("a=setup:holdconn\r\n", "a=setup:holdconn"),
        ("", None),
    ],
)
@pytest.mark.parametrize("kind", [SdpType.ANSWER, SdpType.PRANSWER])
def test_an_answer_that_takes_no_role_leaves_the_session_as_it_was(
    said: str, line: str | None, kind: SdpType, *, connected: bool
) -> None:
    left, right = pair()
    add_track(left, "audio")
    if connected:
        exchange(left, right)
    set_remote(right, offer_of(left))
    answer = answer_of(right)
    wrong = edited(SessionDescription(answer.sdp, kind), ("a=setup:active\r\n", said))
    error = refused(left, wrong, SetupError, "setup")
    assert error.line == line
    set_remote(left, answer)
    check_agreement(left, right)


@pytest.mark.conformance("5-offer")
def test_a_later_offer_may_name_the_role_that_the_peer_has() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    assert right.session.transports[0].role is DtlsRole.CLIENT
    transports = left.session.transports
    set_remote(left, edited(offer_of(right), ("actpass", "active")))
    answer = Sdp.parse(answer_of(left).sdp)
    assert answer.media[0].setup is Setup.PASSIVE
    assert left.session.transports == transports


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([("m=video", "m=audio")], "has audio for the offer's video"),
        ([("UDP/TLS/RTP/SAVPF", "RTP/FOO")], "has RTP/FOO for the offer's UDP/TLS/RTP/SAVPF"),
        ([("UDP/DTLS/SCTP", "DTLS/SCTP"), ("webrtc-datachannel", "5000")], "has DTLS/SCTP for"),
        ([("opus", "x1"), ("PCMU", "x2")], "none of the codecs"),
        ([("a=rtcp-mux\r\n", "")], "rtcp-mux"),
    ],
)
def test_answer_that_does_not_fit_the_offer_is_refused(edits: Edits, words: str) -> None:
    end, answer = answering()
    refused(end, edited(answer, *edits), DescriptionError, words)


def test_answer_with_another_number_of_sections_is_refused() -> None:
    end, answer = answering()
    shorter = answer.sdp[: answer.sdp.index("m=application")].replace("BUNDLE 0 1 2", "BUNDLE 0 1")
    refused(end, SessionDescription(shorter, answer.type), DescriptionError, "2 m-sections")
    longer = answer.sdp + "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:9\r\n"
    refused(end, SessionDescription(longer, answer.type), DescriptionError, "4 m-sections")


def test_answer_that_accepts_a_section_not_offered_is_refused() -> None:
    left, right = pair()
    add_track(left, "audio")
    add_track(left, "video")
    _, first = exchange(left, right)
    left.stop_transceiver(0)
    set_local(left)
    refused(left, SessionDescription(str(first), SdpType.ANSWER), DescriptionError, "not offered")


def test_answer_that_bundles_sections_not_offered_so_is_refused() -> None:
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    set_remote(right, without(offer_of(left), "group"))
    set_remote(left, answer_of(right))
    set_remote(right, offer_of(left))
    joined = edited(answer_of(right), ("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 0 1\r\n"))
    refused(left, joined, DescriptionError, "bundles '1', which the offer did not")


def test_a_bundle_only_section_is_not_taken_by_itself() -> None:
    left, right = pair()
    for _ in range(2):
        add_track(left, "audio")
    set_remote(right, offer_of(left))
    alone = edited(answer_of(right), ("a=group:BUNDLE 0 1\r\n", ""))
    refused(left, alone, DescriptionError, "takes a bundle-only m-section by itself")


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        (
            [("a=mid:1\r\n", "a=mid:7\r\n"), ("BUNDLE 0 1", "BUNDLE 0 7")],
            "video '7' in the place of video '1'",
        ),
        ([("m=video", "m=audio")], "audio '1' in the place of video '1'"),
    ],
)
def test_later_offer_that_moves_sections_is_refused(edits: Edits, words: str) -> None:
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    exchange(left, right)
    refused(right, edited(offer_of(left), *edits), DescriptionError, words)


def test_later_offer_with_fewer_sections_is_refused() -> None:
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    set_remote(right, offer_of(left))
    set_local(right)
    refused(right, an_offer("audio"), DescriptionError, "1 m-sections, the session 2")


def test_peer_may_recycle_a_section_that_we_rejected() -> None:
    left, right = pair()
    state = add(left, "video")
    left.change_transceiver(state.key, preferences=["video/VP8"])
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    right.change_transceiver(0, preferences=["video/H264"])
    set_remote(left, answer_of(right))
    add(left, "audio", MediaDirection.SENDONLY)
    later, _ = exchange(left, right)
    assert kinds(later) == ["audio", "audio"]
    check_agreement(left, right)


def test_either_end_may_recycle_a_section_that_the_peer_rejected() -> None:
    left, right = pair()
    state = add(left, "video")
    left.change_transceiver(state.key, preferences=["video/VP8"])
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    right.change_transceiver(0, preferences=["video/H264"])
    set_remote(left, answer_of(right))
    add(right, "audio", MediaDirection.SENDONLY)
    later, _ = exchange(right, left)
    assert kinds(later) == ["audio", "audio"]
    check_agreement(left, right)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (SdpLimits(size=100), "longer than 100 bytes"),
        (SdpLimits(media_sections=2), "more than 2 m-sections"),
        (SdpLimits(attributes=5), "more than 5 attributes"),
    ],
)
def test_description_beyond_its_bounds_is_refused(limits: SdpLimits, words: str) -> None:
    refused(OfferAnswer(profile(2, limits=limits)), offer(), SdpLimitError, words)


@pytest.mark.parametrize("text", ["", "v=0", "no description at all", "v=0\r\n\0"])
def test_text_that_is_no_description_is_refused(text: str) -> None:
    end, _ = answering()
    for kind in (SdpType.OFFER, SdpType.ANSWER, SdpType.PRANSWER):
        refused(end, SessionDescription(text, kind), SdpSyntaxError, "a line|description")


def test_two_sections_with_one_mid_are_refused() -> None:
    refused(fresh(), edited(offer(), ("a=mid:1", "a=mid:0")), SdpSyntaxError, "same mid")


def test_the_state_is_looked_at_before_the_text() -> None:
    with pytest.raises(InvalidStateError):
        fresh().plan(Side.REMOTE, SessionDescription("nonsense", SdpType.ANSWER))


def test_as_many_sections_as_there_are_have_a_transport_each_where_we_allow_it() -> None:
    head = without(an_offer("audio"), "group").sdp
    first = head.index("m=audio")
    body = head[first:]
    track = re.findall(r"a=msid:\S+ (\S+)", body)[0]
    sections = "".join(
        body.replace(A, f"a=mid:{n}\r\n").replace(track, f"track-{n}") for n in range(150)
    )
    end = OfferAnswer(profile(2, bundle_policy=BundlePolicy.MAX_COMPAT))
    set_remote(end, SessionDescription(head[:first] + sections, SdpType.OFFER))
    set_local(end)
    assert len(end.session.transports) == 150


@pytest.mark.conformance("5-fingerprint")
def test_section_without_any_fingerprint_is_refused() -> None:
    error = refused(fresh(), without(offer(), "fingerprint"), FingerprintError, "no a=fingerprint")
    assert error.mid == "0"


@pytest.mark.conformance("5-fingerprint")
def test_answer_without_fingerprint_is_refused() -> None:
    end, answer = answering()
    refused(end, without(answer, "fingerprint"), FingerprintError, "no a=fingerprint")


@pytest.mark.conformance("5-fingerprint")
@pytest.mark.parametrize("name", ["fingerprint", "ice-ufrag", "ice-pwd", "setup", "tls-id"])
def test_fingerprint_of_the_session_section_holds_for_each_section(name: str) -> None:
    whole = offer()
    line = next(row for row in whole.sdp.splitlines() if row.startswith(f"a={name}"))
    moved = edited(without(whole, name), ("t=0 0\r\n", f"t=0 0\r\n{line}\r\n"))
    end, other = fresh(), fresh()
    set_remote(end, whole)
    set_remote(other, moved)
    set_local(end)
    set_local(other)
    assert other.session.transports == end.session.transports


@pytest.mark.conformance("5-hashes")
@pytest.mark.parametrize("algorithm", ["sha-1", "md5", "md2", "sha-224"])
def test_a_weak_hash_is_refused_by_name(algorithm: str) -> None:
    weak = edited(offer(), ("fingerprint:sha-256", f"fingerprint:{algorithm}"))
    error = refused(fresh(), weak, FingerprintError, f"{algorithm} is too weak")
    assert error.line is not None
    assert error.line.startswith(f"a=fingerprint:{algorithm} ")


def test_an_unknown_hash_is_refused_as_such() -> None:
    strange = edited(offer(), ("fingerprint:sha-256", "fingerprint:sha3-256"))
    refused(fresh(), strange, FingerprintError, "sha3-256 is unknown")


@pytest.mark.conformance("5-hashes")
@pytest.mark.parametrize("hashed", HashFunction)
def test_the_strong_hashes_are_accepted(hashed: HashFunction) -> None:
    strong = Fingerprint.of_digest(hashed, bytes(hashed.size))
    whole = without(offer(), "fingerprint")
    end = fresh()
    set_remote(end, edited(whole, ("t=0 0\r\n", f"t=0 0\r\na=fingerprint:{strong}\r\n")))
    set_local(end)
    (transport,) = end.session.transports
    assert transport.association.remote is not None
    assert transport.association.remote.fingerprints == (strong,)


def test_fingerprint_hash_that_the_application_does_not_accept_is_refused() -> None:
    end = OfferAnswer(profile(2, accepted_hashes=(HashFunction.SHA512,)))
    refused(end, offer(), FingerprintError, "not accepted; sha-512 is needed")


def test_a_weak_hash_beside_a_strong_one_is_no_fault() -> None:
    weak = f"a=fingerprint:sha-1 {':'.join(['AB'] * 20)}\r\na=fingerprint:sha-256"
    end = fresh()
    set_remote(end, edited(offer(), ("a=fingerprint:sha-256", weak)))
    set_local(end)
    (transport,) = end.session.transports
    assert transport.association.remote is not None
    assert [f.algorithm for f in transport.association.remote.fingerprints] == ["sha-256"]


def test_offer_that_unbundles_sections_but_not_their_credentials_is_refused() -> None:
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    exchange(left, right)
    again = edited(offer_of(left), ("a=group:BUNDLE 0 1\r\n", ""))
    first, second = again.sdp.split("m=video")
    ufrag = second.split("a=ice-ufrag:")[1].split("\r\n")[0]
    torn = first + "m=video" + second.replace(f"a=ice-ufrag:{ufrag}", "a=ice-ufrag:65536")
    words = "m-sections of one transport different ICE credentials"
    refused(right, SessionDescription(torn, SdpType.OFFER), ModificationError, words)


@pytest.mark.parametrize("attribute", ["fingerprint", "tls-id", "setup"])
def test_offer_that_unbundles_sections_but_not_their_association_is_refused(attribute: str) -> None:
    """Whose certificate is trusted would be a question of the order of m-sections."""
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    exchange(left, right)
    again = edited(offer_of(left), ("a=group:BUNDLE 0 1\r\n", ""))
    torn = with_another(again, attribute)
    words = "m-sections of one transport different DTLS attributes"
    refused(right, torn, ModificationError, words)


@pytest.mark.parametrize("attribute", ["fingerprint", "tls-id", "setup"])
def test_answer_that_unbundles_sections_but_not_their_association_is_refused(
    attribute: str,
) -> None:
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    exchange(left, right)
    set_remote(right, offer_of(left))
    answer = edited(answer_of(right), ("a=group:BUNDLE 0 1\r\n", ""))
    words = "m-sections of one transport have different ICE or DTLS attributes"
    refused(left, with_another(answer, attribute), ModificationError, words)
    set_remote(left, answer)


def test_sections_of_one_transport_speak_for_it_where_their_group_begins_on_another() -> None:
    """Audio has a transport of its own; a group with it moves no other m-section there."""
    left, right = pair(bundle_policy=BundlePolicy.MAX_COMPAT)
    for kind in ("audio", "video", "video"):
        add_track(left, kind)
    set_remote(right, edited(offer_of(left), ("BUNDLE 0 1 2", "BUNDLE 1 2")))
    set_remote(left, answer_of(right))
    again = edited(offer_of(left), ("BUNDLE 1 2", "BUNDLE 0 1 2"))
    first, second, third = re.split(r"(?=m=video)", again.sdp)
    torn = first + second + re.sub(r"a=tls-id:\S+", f"a=tls-id:{'x' * 20}", third)
    words = "m-sections of one transport different DTLS attributes"
    refused(right, SessionDescription(torn, SdpType.OFFER), ModificationError, words)
    set_remote(right, again)


@pytest.mark.parametrize("payload_type", ["64", "72", "95"])
def test_payload_type_that_looks_like_rtcp_is_refused(payload_type: str) -> None:
    odd = edited(
        offer(),
        ("SAVPF 111 ", f"SAVPF {payload_type} "),
        ("rtpmap:111 ", f"rtpmap:{payload_type} "),
    )
    error = refused(fresh(), odd, DescriptionError, f"payload type {payload_type} looks like RTCP")
    assert error.line is not None


def test_header_extension_id_with_two_meanings_in_a_section_is_refused() -> None:
    identifier, uri = re.findall(r"a=extmap:(\d+) (\S+)", offer().sdp)[0]
    line = f"a=extmap:{identifier} {uri}"
    doubled = edited(offer(), (line, f"{line}\r\na=extmap:{identifier} urn:example:other"))
    words = f"header extension id {identifier} has two meanings"
    error = refused(fresh(), doubled, DescriptionError, words)
    assert error.line == f"a=extmap:{identifier} urn:example:other"
    set_remote(fresh(), edited(offer(), (line, f"{line}\r\n{line}")))


def test_header_extension_id_that_changes_its_meaning_is_refused() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    again = offer_of(left)
    first, second = re.findall(r"a=extmap:(\d+) (\S+)", again.sdp)[:2]
    swapped = edited(
        again,
        (f"a=extmap:{first[0]} {first[1]}", f"a=extmap:{first[0]} moved"),
        (f"a=extmap:{second[0]} {second[1]}", f"a=extmap:{second[0]} {first[1]}"),
    )
    refused(right, swapped, ModificationError, f"header extension id {first[0]} was")


def test_header_extension_id_that_was_offered_but_not_agreed_is_free_again() -> None:
    left, right = pair()
    add_track(left, "audio")
    plain = offer_of(left)
    identifier, uri = re.findall(r"a=extmap:(\d+) (\S+)", plain.sdp)[0]
    mapped = f"a=extmap:{identifier} {uri}"
    unknown = edited(plain, (mapped, f"a=extmap:{identifier} urn:example:unknown"))
    set_remote(right, unknown)
    answer = answer_of(right)
    assert f"a=extmap:{identifier} " not in answer.sdp
    set_remote(right, plain)
    assert mapped in answer_of(right).sdp


def test_two_sections_with_one_stream_and_one_track_are_refused() -> None:
    text = offer().sdp
    (one, track), (_, other) = re.findall(r"a=msid:(\S+) (\S+)", text)
    twice = SessionDescription(text.replace(other, track), SdpType.OFFER)
    refused(fresh(), twice, DescriptionError, f"the stream {one!r} and the track {track!r}")


def test_sections_of_one_stream_without_track_ids_are_taken() -> None:
    text = re.sub(r"a=msid:(\S+) \S+", r"a=msid:\1", offer().sdp)
    fresh().plan(Side.REMOTE, SessionDescription(text, SdpType.OFFER))


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ("sendonly", "sendrecv"),
        ("sendonly", "sendonly"),
        ("inactive", "recvonly"),
        ("recvonly", "recvonly"),
    ],
)
def test_answer_with_a_direction_that_was_not_offered_is_refused(
    offered: str, answered: str
) -> None:
    left, right = pair(leniency=frozenset())
    add_track(left, "audio")
    left.change_transceiver(0, direction=MediaDirection(offered))
    set_remote(right, offer_of(left))
    answer = answer_of(right)
    wide = SessionDescription(
        re.sub(r"a=(sendrecv|sendonly|recvonly|inactive)\r\n", f"a={answered}\r\n", answer.sdp),
        answer.type,
    )
    refused(left, wide, DescriptionError, f"the answer is {answered} where the offer is {offered}")


def test_words_of_the_peer_in_an_error_are_printable() -> None:
    odd = edited(
        offer(), ("m=application 9 ", "m=appl\x1b[2J 9 "), ("a=mid:2\r\n", ""), ("0 1 2", "0 1")
    )
    error = refused(fresh(), odd, DescriptionError, "no a=mid")
    assert "\x1b" not in str(error)
    assert "\x1b" not in error.reason


def test_msid_stays_when_we_no_longer_send() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    left.change_transceiver(0, direction=MediaDirection.RECVONLY)
    assert re.search(r"a=msid:\S+ \S+\r\n", offer_of(left).sdp)
