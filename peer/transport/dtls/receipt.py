"""Owns what an association makes of one datagram."""

from __future__ import annotations

from enum import Enum, auto


class Receipt(Enum):
    """Whether a datagram was this association's, and why not."""

    #: It authenticated under the keys: RTP, RTCP or application data.
    PAYLOAD = auto()
    #: It went to the handshake, or was a goodbye.
    HANDSHAKE = auto()
    #: It may be under keys that are still to come, and waits for them.
    HELD = auto()
    #: A DTLS record of which nothing came: of another association, or here for the second time.
    SILENT = auto()
    #: No peer says that at this point of a handshake.
    OUT_OF_PLACE = auto()
    #: SRTP under other keys, or for the second time.
    UNAUTHENTIC = auto()
    #: Of a class that is not for any association, or not for this one.
    FOREIGN = auto()
