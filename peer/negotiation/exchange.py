"""One offer with its answer, m-section by m-section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.negotiation.signaling_state import Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.negotiation.sdp.description import Sdp
    from peer.negotiation.sdp.sections import MediaSection


@dataclass(frozen=True, slots=True)
class Exchange:
    """One offer with its answer, provisional or final.

    Args:
        answerer: The side that answered.
        provisional: The peer's answer before, which this one may not contradict.
    """

    offer: Sdp
    answer: Sdp
    answerer: Side
    provisional: Sdp | None = None

    @property
    def remote(self) -> Sdp:
        """The peer's half of the exchange."""
        return self.answer if self.answerer is Side.REMOTE else self.offer

    @property
    def accepted(self) -> Iterator[tuple[MediaSection, MediaSection]]:
        """Pairs of offered and answered m-sections that neither end rejects."""
        for offered, answered in zip(self.offer.media, self.answer.media, strict=True):
            if not (offered.rejected or answered.rejected):
                yield offered, answered

    def theirs(self, offered: MediaSection, answered: MediaSection) -> MediaSection:
        """Give the peer's half of an m-section."""
        return answered if self.answerer is Side.REMOTE else offered
