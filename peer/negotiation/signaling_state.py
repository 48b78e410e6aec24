"""State machine of `signalingState` (RFC 9429 section 3.2, webrtc-pc section 4.4.1.5).

Rules:

* A transition is a row of `TRANSITIONS`; any other one is refused.
* An offer replaces an earlier offer of the same side.
* A rollback takes an offer of either side back, whichever of the two calls asks for it
  (RFC 9429 section 4.1.10.2); it leads to `stable`. Answers, provisional or not, stand: RFC 9429
  section 5.7 would take a provisional one back, webrtc-pc section 4.4.1.5 does not.
* A provisional answer may be followed by another one of the same side, or by the answer.
"""

from __future__ import annotations

from enum import Enum

from peer.descriptions import SdpType
from peer.errors import InvalidStateError
from peer.states import SignalingState


class Side(Enum):
    """Side of a description: ours is local, the peer's is remote."""

    LOCAL = "local"
    REMOTE = "remote"

    @property
    def other(self) -> Side:
        """The opposite side of this one."""
        return Side.REMOTE if self is Side.LOCAL else Side.LOCAL


_S, _T, _L, _R = SignalingState, SdpType, Side.LOCAL, Side.REMOTE

TRANSITIONS: dict[tuple[SignalingState, Side, SdpType], SignalingState] = {
    (_S.STABLE, _L, _T.OFFER): _S.HAVE_LOCAL_OFFER,
    (_S.STABLE, _R, _T.OFFER): _S.HAVE_REMOTE_OFFER,
    (_S.HAVE_LOCAL_OFFER, _L, _T.OFFER): _S.HAVE_LOCAL_OFFER,
    (_S.HAVE_LOCAL_OFFER, _L, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_LOCAL_OFFER, _R, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_LOCAL_OFFER, _R, _T.ANSWER): _S.STABLE,
    (_S.HAVE_LOCAL_OFFER, _R, _T.PRANSWER): _S.HAVE_REMOTE_PRANSWER,
    (_S.HAVE_REMOTE_PRANSWER, _R, _T.PRANSWER): _S.HAVE_REMOTE_PRANSWER,
    (_S.HAVE_REMOTE_PRANSWER, _R, _T.ANSWER): _S.STABLE,
    (_S.HAVE_REMOTE_OFFER, _R, _T.OFFER): _S.HAVE_REMOTE_OFFER,
    (_S.HAVE_REMOTE_OFFER, _R, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_REMOTE_OFFER, _L, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_REMOTE_OFFER, _L, _T.ANSWER): _S.STABLE,
    (_S.HAVE_REMOTE_OFFER, _L, _T.PRANSWER): _S.HAVE_LOCAL_PRANSWER,
    (_S.HAVE_LOCAL_PRANSWER, _L, _T.PRANSWER): _S.HAVE_LOCAL_PRANSWER,
    (_S.HAVE_LOCAL_PRANSWER, _L, _T.ANSWER): _S.STABLE,
}


def transition(state: SignalingState, side: Side, kind: SdpType) -> SignalingState:
    """Give the state that follows a description.

    Raises:
        InvalidStateError: The description does not fit the state.
    """
    try:
        return TRANSITIONS[state, side, kind]
    except KeyError:
        raise InvalidStateError(
            f"a {side.value} {kind.value} cannot be applied in signaling state {state.value!r}"
        ) from None


def needs_implicit_rollback(state: SignalingState, side: Side, kind: SdpType) -> bool:
    """Tell whether an offer meets an offer of the other side, glare (webrtc-pc section 4.4.2).

    Only a remote offer rolls back our own: the polite side of perfect negotiation.
    """
    return (
        side is Side.REMOTE and kind is SdpType.OFFER and state is SignalingState.HAVE_LOCAL_OFFER
    )
