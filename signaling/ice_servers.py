"""STUN and TURN servers as the room server names them to its members. PURE."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Self, TypeAlias

import msgspec

from peer.configuration import IceServer
from peer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

_logger = logging.getLogger(__name__)

_Field: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]
_Urls: TypeAlias = Annotated[tuple[_Field, ...], msgspec.Meta(min_length=1, max_length=8)]


class IceServerEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A STUN or TURN server in the fields of W3C's RTCIceServer; `repr` shows no credential."""

    urls: _Urls
    username: _Field | None = None
    credential: _Field | None = None

    def __repr__(self) -> str:
        return f"IceServerEntry(urls={self.urls!r}, username={self.username!r})"

    @classmethod
    def of(cls, server: IceServer) -> Self:
        """Convert a server of `peer`."""
        urls = (server.urls,) if isinstance(server.urls, str) else tuple(server.urls)
        return cls(urls=urls, username=server.username, credential=server.credential)


def usable(entries: Sequence[IceServerEntry]) -> tuple[IceServer, ...]:
    """Convert the servers that `peer` can take; the others are named in the log."""
    servers: list[IceServer] = []
    for entry in entries:
        try:
            server = IceServer(entry.urls, username=entry.username, credential=entry.credential)
        except ConfigurationError as error:
            _logger.warning("an ICE server of the room is left out: %s", error)
        else:
            servers.append(server)
    return tuple(servers)
