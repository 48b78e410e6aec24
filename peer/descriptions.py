"""Defines the session description that applications get and give: its type and its SDP. PURE."""

from __future__ import annotations

from enum import StrEnum

from peer.argument_types import check_fields
from peer.printable import without_secrets
from peer.values import assign, dataclass

#: Greatest length of a signature beside a description, in characters (ours).
MAX_IDENTITY = 8192


class SdpType(StrEnum):
    """The type of a session description (RFC 9429 section 4.1.8)."""

    OFFER = "offer"
    PRANSWER = "pranswer"
    ANSWER = "answer"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """An offer, an answer, or a rollback (whose `sdp` is empty). Its `repr` shows no password.

    Args:
        sdp: The text, lines ending in CRLF.
        type: One of `"offer"`, `"pranswer"`, `"answer"`, `"rollback"`.
        identity: Who vouches for its fingerprints: a PASSporT (RFC 8225) over them, for the peer
            to check; None where nobody does. Empty where the message that it came in has no place
            for a signature, as an answer in SIP, and one of a later description is to cover it.

    Raises:
        ValueError: `type` is none of these.
        TypeError: `sdp` is no text.
    """

    sdp: str
    type: SdpType
    identity: str | None = None

    def __post_init__(self) -> None:
        sdp: object = self.sdp
        if not isinstance(sdp, str):
            raise TypeError(f"sdp of SessionDescription is a str, not {type(sdp).__name__}")
        assign(self, "type", SdpType(self.type))

    def __repr__(self) -> str:
        sdp = without_secrets(self.sdp)
        return f"SessionDescription(sdp={sdp!r}, type={self.type.value!r})"


def check_description(description: object, place: str) -> None:
    """Raise an error where a description has no text and no type.

    Raises:
        TypeError: It is something else.
    """
    if description is not None and not isinstance(description, SessionDescription):
        check_fields(description, SessionDescription, "sdp", "type", place=place)
