"""A description that createOffer or createAnswer made, as a value, before it is set."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from peer.descriptions import SdpType, SessionDescription
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.identity.fingerprints import Fingerprint
    from peer.negotiation.sdp.description import Sdp
    from peer.negotiation.session import Session, TransportState


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedDescription:
    """One created offer or answer, with what setting it does to the session.

    Args:
        base: The session that the description was made from.
        mids: The mid given to each transceiver, by its key.
        data_mid: The mid of the data m-section, or None.
        transports: The transports that the description names, new ones included.
        routes: For each mid, the key of its transport.
        fingerprints: Those of the certificate that transports made later show.
    """

    type: SdpType
    sdp: Sdp
    base: Session = field(repr=False)
    fingerprints: tuple[Fingerprint, ...]
    mids: tuple[tuple[int, str], ...] = ()
    data_mid: str | None = None
    transports: tuple[TransportState, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()

    @property
    def description(self) -> SessionDescription:
        """The description as the application sees it."""
        return SessionDescription(sdp=str(self.sdp), type=self.type)
