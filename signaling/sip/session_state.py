"""Progress of a SIP call in one dialog. PURE."""

from __future__ import annotations

from enum import Enum, auto


class SessionState(Enum):
    """Progress of a call in one dialog."""

    #: No 2xx yet.
    EARLY = auto()
    #: The 2xx is sent or received; its ACK is not.
    ACCEPTED = auto()
    CONFIRMED = auto()
    #: BYE is sent, and waits for its response.
    ENDING = auto()
    ENDED = auto()
