"""Messages of docs/SIGNALING.md with their fields, the decoder and the encoder. PURE."""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, ClassVar, Final, TypeAlias

import msgspec

from peer.descriptions import MAX_IDENTITY, SdpType, SessionDescription

# msgspec reads the annotations of the messages when the module runs, so these are no type-only
# imports.
from peer.ice import IceCandidate
from peer.printable import without_secrets
from signaling.errors import ErrorCode, MessageError
from signaling.ice_servers import IceServerEntry

#: Most bytes of a message in UTF-8 (ours): room for a description of 256 KiB, of which JSON
#: writes each line end as two characters.
MAX_MESSAGE_SIZE: Final = 320 * 1024

#: Most characters of a name, and of a reason (ours).
MAX_NAME: Final = 64
MAX_REASON: Final = 1024
#: Most characters of an o= line in `Answer.answers` (ours).
MAX_ORIGIN: Final = 256

_Short: TypeAlias = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
_Token: TypeAlias = Annotated[str, msgspec.Meta(max_length=4096)]
_IdentitySecret: TypeAlias = Annotated[str, msgspec.Meta(min_length=16, max_length=64)]
_Identity: TypeAlias = Annotated[str, msgspec.Meta(max_length=MAX_IDENTITY)]
_Origin: TypeAlias = Annotated[str, msgspec.Meta(max_length=MAX_ORIGIN)]
_Reason: TypeAlias = Annotated[str, msgspec.Meta(max_length=MAX_REASON)]
_NoteText: TypeAlias = Annotated[str, msgspec.Meta(max_length=64 * 1024)]
_RoomName: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_IceServers: TypeAlias = Annotated[tuple[IceServerEntry, ...], msgspec.Meta(max_length=8)]
_UnsignedShort: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class _Wire(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """Base of all messages: `type` tells them apart; fields at their default are not sent."""


class _Addressed(_Wire, frozen=True, kw_only=True):
    """A message from one member of a room to another.

    Args:
        to: The receiving member; None for every other member of the room.
        sender: The sending member (`from` on the wire), written by the server.
    """

    to: _Short | None = None
    sender: _Short | None = msgspec.field(default=None, name="from")


class Description(_Addressed, frozen=True):
    """An offer, a provisional answer or an answer: one of the three classes below.

    Its `repr` shows no password.

    Args:
        sdp: The session description (RFC 8866).
        identity: A PASSporT (RFC 8225) over its fingerprints, where its sender signs them.
    """

    type: ClassVar[SdpType]

    sdp: str
    identity: _Identity | None = None

    def __repr__(self) -> str:
        to, sender = self.to, self.sender
        return f"{type(self).__name__}(sdp={without_secrets(self.sdp)!r}, {to=}, {sender=})"

    @property
    def session_description(self) -> SessionDescription:
        """The description as a value of `peer`."""
        return SessionDescription(sdp=self.sdp, type=self.type, identity=self.identity or None)


class Offer(Description, frozen=True, tag=SdpType.OFFER.value):
    """An SDP offer (RFC 3264)."""

    type = SdpType.OFFER


class ProvisionalAnswer(Description, frozen=True, tag=SdpType.PRANSWER.value):
    """An answer that is not the last one (RFC 9429 section 4.1.10.1)."""

    type = SdpType.PRANSWER


class Answer(Description, frozen=True, tag=SdpType.ANSWER.value):
    """A final SDP answer (RFC 3264).

    Args:
        answers: The o= line of the offer that it answers, in one that is sent again over another
            session: who does not wait for an answer to that offer leaves it out.
    """

    type = SdpType.ANSWER

    answers: _Origin | None = None


class Invite(_Addressed, frozen=True, tag="invite"):
    """An invitation without a description: the receiver makes the offer (RFC 5763 section 6.4).

    In an open session it asks for a new offer. Who has an offer open has answered it already.
    """


class Candidate(_Addressed, frozen=True, tag="candidate"):
    """One ICE candidate in the fields of W3C webrtc-pc; the end of them if `candidate` is empty."""

    candidate: str = ""
    sdpMid: str | None = None
    sdpMLineIndex: _UnsignedShort | None = None
    usernameFragment: str | None = None

    @classmethod
    def of(cls, candidate: IceCandidate | None) -> Candidate:
        """Convert the argument of an `icecandidate` event; None ends the candidates."""
        if candidate is None:
            return cls()
        return cls(
            candidate=candidate.candidate,
            sdpMid=candidate.sdpMid,
            sdpMLineIndex=candidate.sdpMLineIndex,
            usernameFragment=candidate.usernameFragment,
        )

    @property
    def ice_candidate(self) -> IceCandidate | None:
        """The candidate as the argument of `addIceCandidate`; None ends the candidates."""
        if not self.candidate and self.sdpMid is None and self.sdpMLineIndex is None:
            return None
        return IceCandidate(
            candidate=self.candidate,
            sdpMid=self.sdpMid,
            sdpMLineIndex=self.sdpMLineIndex,
            usernameFragment=self.usernameFragment,
        )


class PhraseMessage(_Addressed, frozen=True, tag="phrase"):
    """A random number for the phrase that two people compare; see `PeerConnection.phrase`.

    Args:
        message: As the `phrasemessage` event of a connection has it.
    """

    message: _Short


class Bye(_Addressed, frozen=True, tag="bye"):
    """The sender closes its channel to this peer."""

    reason: _Reason = ""


class ProgramNote(_Addressed, frozen=True, tag="note"):
    """A text of the program at the other end, beside the negotiation.

    For what cannot wait for a data channel, or says why there is none. Who does not know its label
    passes it over.

    Args:
        label: What the text is about.
        text: Any text, of at most 64 Ki characters.
    """

    label: _Short
    text: _NoteText


class Error(_Addressed, frozen=True, tag="error"):
    """A message was refused: by the server, or by the peer if `sender` is set."""

    code: ErrorCode
    reason: _Reason = ""


class Join(_Wire, frozen=True, tag="join"):
    """The first message of a new member.

    Args:
        room: Made when its first member joins, gone when its last one leaves.
        name: For people to read; need not be unique.
        resumable: Ask for a session that outlives the connection. Needs `Ack`.
        token: What shows that we may join, where the server asks for it.
        identity_secret: Random text by which the others know this participant again when it joins
            anew; they see `identity_of` it.
    """

    room: _RoomName
    name: _Short = ""
    resumable: bool = False
    token: _Token | None = None
    identity_secret: _IdentitySecret | None = msgspec.field(default=None, name="identitySecret")

    def __repr__(self) -> str:
        token = "" if self.token is None else ", token=..."
        secret = "" if self.identity_secret is None else ", identitySecret=..."
        shown = f"room={self.room!r}, name={self.name!r}, resumable={self.resumable}"
        return f"Join({shown}{token}{secret})"


class Resume(_Wire, frozen=True, tag="resume"):
    """The first message of a member that returns.

    Args:
        session: From `Joined`.
        received: How many counted messages of the server have arrived in this session.
        token: As in `Join`.
    """

    session: _Short
    received: _Count
    token: _Token | None = None

    def __repr__(self) -> str:
        return f"Resume(session=..., received={self.received})"


class Peer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another member of the room.

    Args:
        member: The name by which it is addressed; another one after each join.
        name: For people to read.
        identity: The same for each join of one participant, on every server; None where it gave no
            `identitySecret`.
    """

    member: _Short
    name: _Short = ""
    identity: _Short | None = None


class Joined(_Wire, frozen=True, tag="joined"):
    """The answer to `Join`.

    Args:
        member: The name by which other members address us.
        peers: Members that joined before us; `PeerJoined` announces those that join later.
        session: The secret for `Resume`; None unless the join was resumable.
        iceServers: STUN and TURN servers for the connections of this member.
    """

    member: _Short
    peers: tuple[Peer, ...]
    session: _Short | None = None
    iceServers: _IceServers = ()

    def __repr__(self) -> str:
        session = "" if self.session is None else ", session=..."
        return f"Joined(member={self.member!r}, peers={self.peers!r}{session})"


class Resumed(_Wire, frozen=True, tag="resumed"):
    """The answer to `Resume`: how many counted messages of ours have arrived in this session.

    Args:
        received: Their number.
        iceServers: As in `Joined`, with credentials that are new.
    """

    received: _Count
    iceServers: _IceServers = ()


class PeerJoined(_Wire, frozen=True, tag="peer-joined"):
    """Another member joined the room after us.

    Args:
        member: The name by which it is addressed.
        name: For people to read.
        identity: As in `Peer`.
        iceServers: As in `Joined`, with credentials that are new, for the connection to it.
    """

    member: _Short
    name: _Short = ""
    identity: _Short | None = None
    iceServers: _IceServers = ()


class PeerLeft(_Wire, frozen=True, tag="peer-left"):
    """Another member left the room, and will not return under this name.

    Args:
        member: The name by which it was addressed.
        reason: One sentence.
        may_return: Whether it has lost its place without meaning to: the same participant may join
            again, with the same identity and another name.
    """

    member: _Short
    reason: _Reason = ""
    may_return: bool = msgspec.field(default=False, name="mayReturn")


class Ping(_Wire, frozen=True, tag="ping"):
    """The server's question after silence: the member answers with `Pong`."""


class Pong(_Wire, frozen=True, tag="pong"):
    """The answer to `Ping`."""


class Ack(_Wire, frozen=True, tag="ack"):
    """Acknowledges the first `received` counted messages of a resumable session."""

    received: _Count


#: Messages that a `Channel` carries.
PeerMessage: TypeAlias = (
    Offer | ProvisionalAnswer | Answer | Invite | Candidate | PhraseMessage | Error
)
#: Messages that the server relays from member to member.
Relayed: TypeAlias = PeerMessage | Bye | ProgramNote
#: Messages about the WebSocket and not the session: neither counted nor kept for a resume.
Control: TypeAlias = Join | Resume | Joined | Resumed | Ping | Pong | Ack
Message: TypeAlias = Relayed | PeerJoined | PeerLeft | Control

_DESCRIPTIONS: Final[dict[SdpType, type[Offer | ProvisionalAnswer | Answer]]] = {
    SdpType.OFFER: Offer,
    SdpType.PRANSWER: ProvisionalAnswer,
    SdpType.ANSWER: Answer,
}
_DECODER: Final[msgspec.json.Decoder[Message]] = msgspec.json.Decoder(Message)
_ENCODER: Final = msgspec.json.Encoder()


def description(value: SessionDescription) -> Offer | ProvisionalAnswer | Answer:
    """Create the message that carries a description.

    Raises:
        ValueError: It is a rollback, which concerns nobody else (RFC 9429 section 4.1.10.2).
    """
    if value.type is SdpType.ROLLBACK:
        raise ValueError("a rollback is not sent")
    return _DESCRIPTIONS[value.type](sdp=value.sdp, identity=value.identity)


def identity_of(secret: str) -> str:
    """Return what the others see of an `identitySecret`: half of its SHA-256, in base64url."""
    return base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).decode()[:22]


def encode(message: Message) -> str:
    """Write a message as the JSON text of one WebSocket frame."""
    return _ENCODER.encode(message).decode()


def octets_of(text: str | bytes) -> int:
    """Count the octets of a text in UTF-8."""
    # SDP and JSON are ASCII but for names, which costs nothing to know.
    return len(text) if isinstance(text, bytes) or text.isascii() else len(text.encode())


def check_size(text: str | bytes, limit: int = MAX_MESSAGE_SIZE) -> bytes:
    """Encode a text as UTF-8, if it is no larger than a message may be.

    Raises:
        MessageError: It is larger, or cannot be written in UTF-8.
    """
    try:
        data = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise MessageError(ErrorCode.MALFORMED, f"the text is not UTF-8: {error.reason}") from error
    if len(data) > limit:
        reason = f"a message is at most {limit} bytes, this one has {len(data)}"
        raise MessageError(ErrorCode.TOO_LARGE, reason)
    return data


def decode(text: str | bytes, *, limit: int = MAX_MESSAGE_SIZE) -> Message:
    """Decode one message, ignoring unknown fields.

    Args:
        text: The received frame; any content.
        limit: Largest accepted size, in bytes of UTF-8.

    Raises:
        MessageError: It is not a message. No other exception leaves this function.
    """
    data = check_size(text, limit)
    try:
        return _DECODER.decode(data)
    except UnicodeDecodeError as error:
        raise MessageError(ErrorCode.MALFORMED, f"the text is not UTF-8: {error.reason}") from error
    except msgspec.DecodeError as error:
        raise MessageError(ErrorCode.MALFORMED, str(error)[:512]) from error
    except RecursionError as error:
        raise MessageError(ErrorCode.MALFORMED, "the message is nested too deeply") from error
