"""The check whether negotiation is needed (webrtc-pc section 4.7.3).

`_is_abandoned` is the step for a transceiver that has ended while its m-section lives: transceivers
that have ended are in no session here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.negotiation.rekey_and_restart import due_rekey, restart_is_due
from peer.negotiation.sdp.attributes import MediaDirection
from peer.states import SignalingState

if TYPE_CHECKING:
    from peer.negotiation.sdp.description import Sdp
    from peer.negotiation.sdp.sections import MediaSection
    from peer.negotiation.session import Session, Transceiver


def needs_negotiation(session: Session) -> bool:
    """Tell whether what the application asked for differs from what was agreed."""
    if session.state is not SignalingState.STABLE:
        return False
    if session.data is not None and session.data.requested and session.data.mid is None:
        return True
    if restart_is_due(session) or due_rekey(session) is not None:
        return True
    recyclable = session.recyclable_sections
    if any(
        index not in recyclable and _is_abandoned(session, section)
        for index, section in enumerate(session.layout)
    ):
        return True
    return any(_needs(session, transceiver) for transceiver in session.transceivers)


def _is_abandoned(session: Session, section: MediaSection) -> bool:
    if session.transceiver_of(section.mid) is not None:
        return False
    return session.data is None or session.data.mid != section.mid


def _needs(session: Session, transceiver: Transceiver) -> bool:
    if transceiver.mid is None or transceiver.stopping:
        return True
    local, remote = session.current_local, session.current_remote
    if local is None or remote is None:
        return True
    section = local.sdp.section(transceiver.mid)
    if section is None:
        return True
    if transceiver.direction.sends:
        described = {msid.stream for msid in section.msids} - {"-"}
        if described != set(transceiver.streams):
            return True
    ours = local.sdp.direction(section)
    theirs = _direction(remote.sdp, transceiver.mid)
    if local.type is SdpType.OFFER:
        return transceiver.direction not in (ours, theirs.reversed)
    return ours is not transceiver.direction.intersect(theirs.reversed)


def _direction(sdp: Sdp, mid: str) -> MediaDirection:
    section = sdp.section(mid)
    return MediaDirection.INACTIVE if section is None else sdp.direction(section)
