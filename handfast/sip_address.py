"""Address of a SIP call, as the commands take it: whom to call, by which server, as whom."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final, Self

from handfast.rooms import AddressError
from peer.owner_only import ReadableByOthersError, read_owner_only
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Environment variable for what other users of the machine may not read.
SIP_SECRET_VARIABLE: Final = "HANDFAST_SIP_SECRET"
#: Most bytes of a secret file (ours).
_LARGEST: Final = 4096
_SCHEMES: Final = ("sip:", "sips:", "tel:")


def is_sip(text: str) -> bool:
    """Tell whether the address of a command is one of SIP, not of a room."""
    return text.lower().startswith(_SCHEMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SipAddress:
    """Target of a SIP call, with the server and the account that it is called by.

    Args:
        target: URI to call.
        server: URL of the SIP server.
        address: Our address of record there.
        secret: Password; None where the server asks for none.
    """

    target: str
    server: str
    address: str
    secret: str | None = field(default=None, repr=False)

    @classmethod
    def of_options(
        cls,
        target: str,
        *,
        server: str | None,
        address: str | None,
        secret_file: Path | None,
        environment: Mapping[str, str],
    ) -> Self:
        """Read the options of a command.

        Args:
            target: URI to call.
            server: `--sip-server`.
            address: `--sip-address`.
            secret_file: File with the password, which nobody but its owner may read; None asks
                the environment: HANDFAST_SIP_SECRET.
            environment: The environment variables.

        Raises:
            AddressError: An option is missing, or the file cannot be used.
        """
        if server is None or address is None:
            raise AddressError(
                f"{target} is called by a SIP server: give --sip-server wss://... and "
                f"--sip-address sip:you@...; the password in {SIP_SECRET_VARIABLE}."
            )
        secret = environment.get(SIP_SECRET_VARIABLE)
        if secret_file is not None:
            secret = _read(secret_file)
        return cls(target=target, server=server, address=address, secret=secret)


def _read(path: Path) -> str:
    try:
        data = read_owner_only(path, limit=_LARGEST)
        if len(data) > _LARGEST:
            raise AddressError(f"{path} is no password: it has more than {_LARGEST} bytes.")
        return data.decode().strip()
    except ReadableByOthersError as error:
        raise AddressError(f"Others may read {path}: chmod 600 it.") from error
    except OSError as error:
        raise AddressError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise AddressError(f"{path} holds no text.") from error
