"""STUN and TURN servers as the commands take them: URLs as options, secrets never as one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from peer import ConfigurationError, IceServer
from peer.owner_only import ReadableByOthersError, read_owner_only
from peer.transport.ice.servers import parse_servers
from signaling.server import TurnSecret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: Environment variables for what other users of the machine may not read.
USERNAME_VARIABLE: Final = "HANDFAST_ICE_USERNAME"
CREDENTIAL_VARIABLE: Final = "HANDFAST_ICE_CREDENTIAL"
SECRET_VARIABLE: Final = "HANDFAST_TURN_SECRET"
#: Most bytes of a secret file (ours).
_LARGEST: Final = 4096


class IceOptionsError(ValueError):
    """The ICE servers of a command cannot be used; the message is one sentence for its user."""


class _Access(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The user and the secret of TURN, of a file or of the environment."""

    username: str | None = None
    credential: str | None = None
    secret: str | None = None


def ice_servers(
    urls: Sequence[str], secret_file: Path | None, environment: Mapping[str, str]
) -> tuple[IceServer | TurnSecret, ...]:
    """Read the ICE servers of a command.

    Args:
        urls: `stun:`, `turn:` and `turns:` URLs.
        secret_file: TOML with `username` and `credential`, or with `secret`, that of coturn's
            `static-auth-secret`; nobody but its owner may read it. None asks the environment:
            HANDFAST_ICE_USERNAME and HANDFAST_ICE_CREDENTIAL, or HANDFAST_TURN_SECRET.
        environment: The environment variables.

    Raises:
        IceOptionsError: A URL or the file cannot be used, or a TURN server lacks its secret.
    """
    if not urls:
        if secret_file is not None:
            raise IceOptionsError("--ice-secret-file needs an --ice-server.")
        return ()
    access = _from(environment) if secret_file is None else _read(secret_file)
    servers = tuple(_server(url, access) for url in urls)
    try:
        parse_servers(servers_of(servers, "checked"))
    except ConfigurationError as error:
        raise IceOptionsError(f"{error}.") from error
    return servers


def servers_of(options: Sequence[IceServer | TurnSecret], user: str) -> tuple[IceServer, ...]:
    """Give the servers of a command for its own connection, with a credential made now."""
    now = time.time()
    return tuple(
        each if isinstance(each, IceServer) else each.server_for(user, now=now) for each in options
    )


def _server(url: str, access: _Access) -> IceServer | TurnSecret:
    try:
        if url.partition(":")[0].lower() not in ("turn", "turns"):
            return IceServer(url)
        if access.secret is not None:
            return TurnSecret(urls=url, secret=access.secret)
        if access.username is not None and access.credential is not None:
            return IceServer(url, username=access.username, credential=access.credential)
    except (ConfigurationError, ValueError) as error:
        raise IceOptionsError(f"{error}.") from error
    raise IceOptionsError(
        f"{url} needs a user and a secret: set {USERNAME_VARIABLE} and {CREDENTIAL_VARIABLE}, "
        f"or {SECRET_VARIABLE}, or name an --ice-secret-file."
    )


def _from(environment: Mapping[str, str]) -> _Access:
    return _Access(
        username=environment.get(USERNAME_VARIABLE),
        credential=environment.get(CREDENTIAL_VARIABLE),
        secret=environment.get(SECRET_VARIABLE),
    )


def _read(path: Path) -> _Access:
    try:
        text = read_owner_only(path, limit=_LARGEST)
    except ReadableByOthersError as error:
        raise IceOptionsError(f"Others may read {path}; chmod 600 makes it yours alone.") from error
    except OSError as error:
        raise IceOptionsError(f"{path} cannot be read: {error.strerror}.") from error
    if len(text) > _LARGEST:
        raise IceOptionsError(f"{path} is no secret file: it has more than {_LARGEST} bytes.")
    try:
        return msgspec.toml.decode(text, type=_Access)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # What stands in it is not shown: it is secret.
        reason = error if isinstance(error, msgspec.ValidationError) else "it is no TOML"
        raise IceOptionsError(
            f"{path} holds `username` and `credential`, or `secret`, in TOML: {reason}."
        ) from error
