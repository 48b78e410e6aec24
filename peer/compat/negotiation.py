"""Offer and answer with the manners of aiortc: what is refused, and what may be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.compat.changed_description import with_changed_text
from peer.descriptions import SdpType
from peer.errors import DescriptionError, InvalidModificationError, SetupError
from peer.negotiation.codecs import described_codecs, taken_codecs
from peer.negotiation.offer_answer import OfferAnswer, Plan
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import DataSection, Side
from peer.values import replace

if TYPE_CHECKING:
    from peer.descriptions import SessionDescription
    from peer.negotiation.sdp.description import MediaSection

#: aiortc's sentences for an m-section that lacks something, by a word of ours.
_LACKS = (
    ("ice-ufrag", "ICE username fragment or password is missing"),
    ("rtcp-mux", "RTCP mux is not enabled"),
)


class NoCommonCodecError(DescriptionError):
    """No m-section of a description can be used, as none has a codec of ours."""


class AdaptedOfferAnswer(OfferAnswer):
    """An offer/answer engine that refuses what aiortc refuses, in its words, and changes nothing.

    An m-section that cannot be used is rejected by itself, as everywhere (RFC 9429 section 5.3.1);
    a description of which nothing can be used is refused.
    """

    def plan(self, side: Side, description: SessionDescription | None) -> Plan:
        """Plan a description of either end.

        Raises:
            PeerError: It cannot be applied; nothing has changed.
        """
        try:
            plan = super().plan(side, description)
        except SetupError as error:
            if description is None or description.type is SdpType.OFFER:
                raise
            sentence = "DTLS setup attribute must be 'active' or 'passive' for an answer"
            raise SetupError(sentence) from error
        except DescriptionError as error:
            if side is Side.LOCAL or description is None or self._matches_offer(description):
                raise
            raise DescriptionError("Media sections in answer do not match offer") from error
        if side is Side.REMOTE:
            self._check_use(plan)
        return plan

    def change_created(self, description: SessionDescription) -> SessionDescription:
        """Take the offer or the answer created last as the application has changed it.

        Returns:
            The description to set.

        Raises:
            InvalidModificationError: None was created, or what has changed cannot be.
        """
        is_offer = description.type is SdpType.OFFER
        created = self._offer if is_offer else self._answer
        if created is None:
            raise InvalidModificationError("no such description was created")
        changed = with_changed_text(created, description.sdp, self.profile.limits)
        if is_offer:
            self._offer = changed
        else:
            self._answer = changed
        return changed.description

    def request_data_first(self) -> None:
        """Ask for the m-section of data channels, in front of media that is not offered yet."""
        session = self._session
        data = replace(session.data or DataSection(), requested=True, leads=True)
        self._session = replace(session, data=data)

    def _matches_offer(self, answer: SessionDescription) -> bool:
        """Tell whether an answer has the m-sections of our offer; an offer of the peer does."""
        offer = self.session.pending_local
        if answer.type is SdpType.OFFER or offer is None:
            return True
        try:
            sections = Sdp.parse(answer.sdp, self.profile.limits).media
        except DescriptionError:
            return True
        ours = [(each.media_line.media, each.mid) for each in offer.sdp.media]
        return ours == [(each.media_line.media, each.mid) for each in sections]

    def _check_use(self, plan: Plan) -> None:
        """Refuse a description of the peer of which no m-section can be used.

        Raises:
            DescriptionError: That is so, and every one was rejected for what it lacks.
            NoCommonCodecError: That is so, and one has no codec of ours.
        """
        described = plan.next.description(Side.REMOTE)
        if described is None or not described.sdp.media:
            return
        reasons = {each.mid: each for each in plan.leniencies if each.mid is not None}
        lack: str | None = None
        for section in described.sdp.media:
            found = reasons.get(section.mid or "")
            if section.rejected and found is None:
                # The peer itself wants none of it.
                return
            if not section.rejected and self._has_common_codec(section):
                return
            lack = lack or _lack(None if found is None else found.reason)
        if lack is not None:
            raise DescriptionError(lack)
        kind = described.sdp.media[0].media_line.media
        raise NoCommonCodecError(f"Failed to set remote {kind} description send parameters")

    def _has_common_codec(self, section: MediaSection) -> bool:
        kind = section.kind
        if kind is None:
            return True
        ours = self.profile.capabilities[kind]
        offered = described_codecs(section, kind)
        return bool(taken_codecs(ours, MediaDirection.SENDRECV, (), offered))


def _lack(reason: str | None) -> str | None:
    """Return aiortc's sentence for what a rejected m-section lacks; None for a codec."""
    if reason is None or "codec" in reason:
        return None
    return next((sentence for word, sentence in _LACKS if word in reason), reason)
