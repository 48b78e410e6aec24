"""Changes the configuration of a connection (W3C webrtc-pc section 4.4.1.6)."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from peer.errors import InvalidModificationError
from peer.negotiation.session import Side
from peer.transport.ice.servers import parse_servers

if TYPE_CHECKING:
    from peer.configuration import PeerConfiguration
    from peer.runtime.core import ConnectionCore

#: Fields of a configuration that may change at any time, for what is gathered or offered then.
_CHANGEABLE = frozenset({"iceServers", "iceTransportPolicy", "alwaysNegotiateDataChannels"})
#: Fields that may change until a local description is set.
_CHANGEABLE_AT_FIRST = frozenset({"iceCandidatePoolSize"})


def reconfigure(
    core: ConnectionCore, present: PeerConfiguration, following: PeerConfiguration
) -> None:
    """Let a connection gather its next candidates by another configuration.

    Args:
        core: The connection.
        present: Its configuration.
        following: The one that takes its place.

    Raises:
        InvalidStateError: The connection is closed.
        InvalidModificationError: A value differs that cannot change any more.
        ConfigurationError: The URL of a server cannot be used. In each case nothing has changed.
    """
    core.check_open()
    described = core.session.description(Side.LOCAL) is not None
    allowed = _CHANGEABLE if described else _CHANGEABLE | _CHANGEABLE_AT_FIRST
    for each in fields(following):
        if each.name in allowed:
            continue
        if getattr(following, each.name) != getattr(present, each.name):
            when = " after setLocalDescription" if each.name in _CHANGEABLE_AT_FIRST else ""
            raise InvalidModificationError(f"{each.name} of a connection cannot change{when}")
    parse_servers(following.iceServers)
    core.executor.use_configuration(following)
    core.offer_answer.always_negotiate_data(always=following.alwaysNegotiateDataChannels)
    if following.iceTransportPolicy is not present.iceTransportPolicy and described:
        # The candidates in use are of the former policy.
        core.restart_ice()
