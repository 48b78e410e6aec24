"""Writes a description of ours as `localDescription` shows it, with its candidates so far. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.descriptions import SessionDescription
from peer.negotiation.sdp_writer import with_gathered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer.negotiation.session import AppliedDescription, GatheredCandidates, Session


class ShownDescription:
    """Writes descriptions of ours, and keeps the last: signalling asks several times for one."""

    def __init__(self) -> None:
        self._made_of: tuple[object, ...] = ()
        self._last: SessionDescription | None = None

    def show(
        self,
        described: AppliedDescription,
        session: Session,
        gathered: Mapping[tuple[str, str], GatheredCandidates],
    ) -> SessionDescription:
        """Give a description with the candidates gathered so far.

        Args:
            described: A description of ours in this session.
            session: The session.
            gathered: Local candidates, by the key of the transport and our username fragment.
        """
        made_of = (described, session.routes, session.transports, gathered)
        if self._last is None or made_of != self._made_of:
            sdp = with_gathered(described.sdp, session, gathered)
            self._last = SessionDescription(sdp=str(sdp), type=described.type)
            self._made_of = made_of
        return self._last
