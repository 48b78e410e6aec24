"""Two `OfferAnswer`s without a network: their capabilities, and descriptions between them."""

from __future__ import annotations

import random
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.ice import IceCandidate
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.profile import Profile
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side, TransceiverOrigin
from peer.negotiation.validation import check_answer
from peer.rtp_parameters import Codec, Feedback, HeaderExtension, MediaKind, RtpCapabilities
from tests.support.negotiation.sessions import check_session

if TYPE_CHECKING:
    from peer.errors import DescriptionError
    from peer.negotiation.effects import Effect
    from peer.negotiation.session import Transceiver

FEEDBACK = (Feedback("nack"), Feedback("nack", "pli"), Feedback("goog-remb"))
MID = HeaderExtension(1, "urn:ietf:params:rtp-hdrext:sdes:mid")
LEVEL = HeaderExtension(2, "urn:ietf:params:rtp-hdrext:ssrc-audio-level")
SEND_TIME = HeaderExtension(3, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time")
ROLLBACK = SessionDescription("", SdpType.ROLLBACK)


def audio(name: str, payload_type: int, clock_rate: int = 8000, channels: int = 1) -> Codec:
    return Codec(
        kind=MediaKind.AUDIO,
        name=name,
        payload_type=payload_type,
        clock_rate=clock_rate,
        channels=channels,
    )


def video(name: str, payload_type: int, **parameters: str) -> Codec:
    return Codec(
        kind=MediaKind.VIDEO,
        name=name,
        payload_type=payload_type,
        clock_rate=90000,
        parameters=tuple((key.replace("_", "-"), value) for key, value in parameters.items()),
        feedback=() if name == "rtx" else FEEDBACK,
    )


OPUS = audio("opus", 111, 48000, 2)
PCMU = audio("PCMU", 0)
VP8 = video("VP8", 96)
H264 = video("H264", 98, packetization_mode="1", profile_level_id="42e01f")

CAPABILITIES = MappingProxyType(
    {
        MediaKind.AUDIO: RtpCapabilities(codecs=(OPUS, PCMU), extensions=(MID, LEVEL)),
        MediaKind.VIDEO: RtpCapabilities(
            codecs=(VP8, video("rtx", 97, apt="96"), H264, video("rtx", 99, apt="98")),
            extensions=(MID, SEND_TIME),
        ),
    }
)


def profile(seed: int = 0, **changes: Any) -> Profile:
    """A profile whose random bytes are the same in each run."""
    source = random.Random(seed)
    fixed = Profile(
        capabilities=CAPABILITIES,
        fingerprints=(Fingerprint.of_digest(HashFunction.SHA256, source.randbytes(32)),),
        cname=f"end-{seed}",
        random=source.randbytes,
    )
    return replace(fixed, **changes)


def pair(**changes: Any) -> tuple[OfferAnswer, OfferAnswer]:
    """Two ends that know nothing of each other; `changes` are for both profiles."""
    return OfferAnswer(profile(1, **changes)), OfferAnswer(profile(2, **changes))


def add(
    end: OfferAnswer,
    kind: str,
    direction: MediaDirection = MediaDirection.SENDRECV,
    *,
    origin: TransceiverOrigin = TransceiverOrigin.ADD_TRANSCEIVER,
    streams: tuple[str, ...] = ("stream",),
) -> Transceiver:
    """Add a transceiver."""
    return end.add_transceiver(
        MediaKind(kind),
        origin=origin,
        direction=direction,
        streams=streams,
        has_track=origin is TransceiverOrigin.ADD_TRACK,
    )


def add_track(end: OfferAnswer, kind: str) -> Transceiver:
    """What addTrack does where no sender can be used again."""
    return add(end, kind, origin=TransceiverOrigin.ADD_TRACK)


def set_local(
    end: OfferAnswer, description: SessionDescription | None = None
) -> tuple[Effect, ...]:
    """setLocalDescription, where every effect succeeds."""
    return end.commit(end.plan(Side.LOCAL, description))


def set_remote(end: OfferAnswer, description: SessionDescription) -> tuple[Effect, ...]:
    """setRemoteDescription, likewise."""
    return end.commit(end.plan(Side.REMOTE, description))


def offer_of(end: OfferAnswer) -> SessionDescription:
    """Set an offer, and give what to send."""
    set_local(end)
    return described(end, Side.LOCAL)


def answer_of(end: OfferAnswer) -> SessionDescription:
    """Set an answer, and give what to send."""
    set_local(end)
    return described(end, Side.LOCAL)


def exchange(offerer: OfferAnswer, answerer: OfferAnswer) -> tuple[Sdp, Sdp]:
    """A whole offer and answer; gives both."""
    offer = offer_of(offerer)
    set_remote(answerer, offer)
    answer = answer_of(answerer)
    set_remote(offerer, answer)
    return Sdp.parse(offer.sdp), Sdp.parse(answer.sdp)


def described(end: OfferAnswer, side: Side) -> SessionDescription:
    """The description in force, pending or current, without candidates."""
    description = end.session.description(side)
    assert description is not None
    return SessionDescription(str(description.sdp), description.type)


def edited(description: SessionDescription, *edits: tuple[str, str]) -> SessionDescription:
    """The description with pieces of its text replaced, each wherever it stands."""
    text = description.sdp
    for old, new in edits:
        assert old in text, f"{old!r} is not in the description"
        text = text.replace(old, new)
    return SessionDescription(text, description.type)


def transceiver(end: OfferAnswer, key: int) -> Transceiver:
    """The transceiver of that key, that must be there."""
    found = end.session.transceiver(key)
    assert found is not None
    return found


def an_offer(*kinds: str, policy: BundlePolicy = BundlePolicy.BALANCED) -> SessionDescription:
    """An offer of these kinds, `data` among them."""
    end = OfferAnswer(profile(1, bundle_policy=policy))
    for kind in kinds:
        if kind == "data":
            end.request_data()
        else:
            add_track(end, kind)
    return offer_of(end)


def answer_to(offer: SessionDescription, end: OfferAnswer | None = None) -> tuple[Sdp, OfferAnswer]:
    """The answer of an end, set and read again."""
    end = end or OfferAnswer(profile(2))
    set_remote(end, offer)
    sdp = Sdp.parse(answer_of(end).sdp)
    check_answer(Sdp.parse(offer.sdp), sdp)
    check_session(end.session)
    return sdp, end


def rejected(sdp: Sdp) -> list[bool]:
    """Which of its m-sections are."""
    return [section.rejected for section in sdp.media]


def only_tagged(description: SessionDescription) -> SessionDescription:
    """The description as RFC 9143 section 7.1.3 wants it."""
    sdp = Sdp.parse(description.sdp)
    names = ("ice-ufrag", "ice-pwd", "ice-options", "fingerprint", "setup", "tls-id", "rtcp-mux")
    for index, section in enumerate(sdp.media[1:], 1):
        sdp = sdp.with_media(index, section.without(*names))
    return SessionDescription(str(sdp), description.type)


def kinds(sdp: Sdp) -> list[str]:
    """What its m-sections are of."""
    return [section.media_line.media for section in sdp.media]


def mids(sdp: Sdp) -> list[str | None]:
    """The names of its m-sections."""
    return [section.mid for section in sdp.media]


def without(description: SessionDescription, name: str) -> SessionDescription:
    """The description without all lines of an attribute."""
    lines = description.sdp.splitlines(keepends=True)
    kept = [line for line in lines if line[2:].strip().partition(":")[0] != name]
    assert len(kept) < len(lines), f"there is no a={name}"
    return SessionDescription("".join(kept), description.type)


def candidate(end: OfferAnswer, mid: str, port: int = 5000) -> IceCandidate:
    """A candidate that an end may have found for an m-section."""
    described = end.session.description(Side.LOCAL)
    section = described.sdp.section(mid) if described is not None else None
    assert section is not None
    return IceCandidate(
        f"candidate:1 1 udp 2130706431 192.0.2.1 {port} typ host",
        sdpMid=mid,
        usernameFragment=section.ice_ufrag,
    )


def refused(
    end: OfferAnswer, description: SessionDescription, error: type[DescriptionError], words: str
) -> DescriptionError:
    """What a description is refused with; nothing has changed."""
    before, needed = end.session, end.negotiation_needed
    with pytest.raises(error, match=words) as refusal:
        end.plan(Side.REMOTE, description)
    assert type(refusal.value) is error
    assert end.session is before
    assert end.negotiation_needed is needed
    return refusal.value
