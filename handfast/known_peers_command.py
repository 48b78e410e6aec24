"""Lists the known peers of a file, or forgets one: the command `handfast known-peers`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from handfast.command_options import complain
from handfast.console import Console
from peer.errors import ConfigurationError, TrustStoreError
from peer.printable import printable
from peer.trust import KnownPeers


def known_peers(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As --known-peers has it.")],
    forget: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Forget this one: the next contact is a first one."),
    ] = None,
) -> None:
    """List the known peers of a file with their certificates, or forget one."""
    if not file.is_file():
        complain(FileNotFoundError(f"There is no file {file}."))
        raise typer.Exit(1)
    try:
        lines = asyncio.run(_listed(file) if forget is None else _forgotten(file, forget))
    except (ConfigurationError, TrustStoreError) as error:
        complain(error)
        raise typer.Exit(1) from None
    for line in lines:
        Console().print(line, soft_wrap=True, markup=False, highlight=False)
    if not lines:
        complain(LookupError(f"{file} knows nobody{'' if forget is None else ' of that name'}."))
        raise typer.Exit(1)


async def _listed(file: Path) -> list[str]:
    store, lines = KnownPeers(file), []
    for name in await store.names():
        known = await store.lookup(name)
        if known is not None:
            compared = " (phrase compared)" if known.confirmed else ""
            lines.append(f"{printable(name)}  {known.fingerprint}{compared}")
    return lines


async def _forgotten(file: Path, name: str) -> list[str]:
    known = await KnownPeers(file).forget(name)
    return [f"{printable(name)} is forgotten."] if known else []
