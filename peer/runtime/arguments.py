"""Checks of what programs give to a connection, for words that say where the mistake is."""

from __future__ import annotations

from peer.configuration import PeerConfiguration
from peer.configuration.argument_types import check_fields, wrong_class
from peer.descriptions import SessionDescription
from peer.errors import ConfigurationError
from peer.ice import IceCandidate


def checked_configuration(configuration: object) -> PeerConfiguration | None:
    """Return the configuration, or None where there is none.

    Raises:
        ConfigurationError: It is something else.
    """
    if configuration is None or isinstance(configuration, PeerConfiguration):
        return configuration
    sentence = wrong_class(configuration, PeerConfiguration, place="PeerConnection")
    raise ConfigurationError(sentence)


def check_description(description: object, place: str) -> None:
    """Raise an error where a description has no text and no type.

    Raises:
        TypeError: It is something else.
    """
    if description is not None and not isinstance(description, SessionDescription):
        check_fields(description, SessionDescription, "sdp", "type", place=place)


def check_candidate(candidate: object) -> None:
    """Raise an error where a candidate has not the fields of one.

    Raises:
        TypeError: It is something else.
    """
    if candidate is not None and not isinstance(candidate, IceCandidate):
        names = ("candidate", "sdpMid", "sdpMLineIndex", "usernameFragment")
        check_fields(candidate, IceCandidate, *names, place="addIceCandidate")
