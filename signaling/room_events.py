"""Defines the events of a room: their names and their arguments."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING

from peer.events import DataChannelEvent, TrackEvent
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.errors import PeerError
    from signaling.errors import SignalingError
    from signaling.participant import Participant


class RoomEvent(StrEnum):
    """The events of a `Room`, with the argument of their handlers."""

    PARTICIPANT_JOINED = "participantjoined"  # Participant
    RINGING = "ringing"  # Participant
    PARTICIPANT_AWAY = "participantaway"  # Participant
    PARTICIPANT_BACK = "participantback"  # Participant
    PARTICIPANT_LEFT = "participantleft"  # ParticipantLeft
    TRACK = "track"  # RoomTrackEvent
    DATA_CHANNEL = "datachannel"  # RoomDataChannelEvent
    MESSAGE = "message"  # RoomMessage
    AWAY = "away"  # str
    BACK = "back"  # RoomBack


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantLeft:
    """A participant has left the room, or its connection has ended for good.

    Args:
        participant: The participant; its connection is closed.
        reason: Why, in one sentence.
        error: The error that ended it; None where it left or this end did.
    """

    participant: Participant
    reason: str
    error: PeerError | SignalingError | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RoomTrackEvent(TrackEvent):
    """A participant sends a track, or sends it again after it was held: see `TrackEvent`.

    Args:
        participant: The participant.
    """

    participant: Participant


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RoomDataChannelEvent(DataChannelEvent):
    """A participant opened a data channel, other than that of its messages.

    Args:
        participant: The participant.
    """

    participant: Participant


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMessage:
    """A participant has sent a text, over the data channel labelled `chat`.

    Args:
        participant: The participant.
        text: The text, of at most 16,384 characters.
    """

    participant: Participant
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomBack:
    """The room's server is there again; media went on meanwhile.

    Args:
        rejoined: Whether the room was joined anew, as its server has restarted or did not keep the
            place; False where the session was resumed, of which the others have noticed nothing.
        seconds: For how long there was no connection to the server.
    """

    rejoined: bool
    seconds: float
