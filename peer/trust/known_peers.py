"""Remembers peers by their certificates, as `known_hosts` of SSH does (RFC 5763 section 8.4)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from peer.errors import ConfigurationError, TrustStoreError
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.times import UnixTime
from peer.trust.peer_store import MAX_NAME, KnownPeer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

#: Longest wait for another process that writes, in seconds (ours).
_BUSY_TIMEOUT = 5.0
#: Number of peers that a store holds by default (ours).
_MAX_PEERS = 100_000
_VERSION = 1
_T = TypeVar("_T")


class KnownPeers:
    """A `PeerStore` in one SQLite file, which processes may share and which survives their ends.

    Args:
        path: The file, made with mode 600 where it is missing.
        max_peers: Most peers that are remembered; then those not met for longest are forgotten,
            but none that was confirmed by a phrase.

    Raises:
        ConfigurationError: The file cannot be opened, or is no such store.
    """

    def __init__(self, path: str | os.PathLike[str], *, max_peers: int = _MAX_PEERS) -> None:
        import sqlite3

        if max_peers < 1:
            raise ConfigurationError("max_peers is at least 1")
        self._path = Path(path)
        self._max_peers = max_peers
        try:
            # SQLite gives its journals the mode of the file.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            with self._database() as database:
                _prepare(database)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"{self._path} is no store of known peers: {error}") from error

    def __repr__(self) -> str:
        return f"<KnownPeers {str(self._path)!r}>"

    async def lookup(self, name: str) -> KnownPeer | None:
        """Return what is remembered of a peer, or None.

        Raises:
            TrustStoreError: The file cannot be read.
        """
        return await self._run(lambda database: _lookup(database, _checked(name)))

    async def remember(self, name: str, peer: KnownPeer, *, former: KnownPeer | None) -> bool:
        """Remember a peer, unless another process was faster: then return False.

        Raises:
            TrustStoreError: The file cannot be written.
        """
        if peer.fingerprint.hash_function is not HashFunction.SHA256:
            raise TrustStoreError("a peer is remembered by its SHA-256 fingerprint")

        def write(database: sqlite3.Connection) -> bool:
            # Before the look, so that nobody writes between it and the change.
            database.execute("BEGIN IMMEDIATE")
            if _lookup(database, _checked(name)) != former:
                return False
            _write(database, name, peer, now=UnixTime(time.time()))
            _forget_surplus(database, self._max_peers)
            return True

        return await self._run(write)

    async def forget(self, name: str) -> bool:
        """Forget a peer, so that the next contact is a first one; False where it was not known.

        Raises:
            TrustStoreError: The file cannot be written.
        """
        return await self._run(
            lambda database: (
                database.execute("DELETE FROM peers WHERE name = ?", (name,)).rowcount > 0
            )
        )

    async def names(self) -> tuple[str, ...]:
        """Return the names of all peers, sorted.

        Raises:
            TrustStoreError: The file cannot be read.
        """
        rows = await self._run(
            lambda database: database.execute("SELECT name FROM peers ORDER BY name").fetchall()
        )
        return tuple(row[0] for row in rows)

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        return await asyncio.to_thread(self._run_now, work)

    def _run_now(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        import sqlite3

        try:
            with self._database() as database:
                return work(database)
        except (sqlite3.Error, ValueError) as error:
            raise TrustStoreError(f"the known peers of {self._path}: {error}") from error

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction, which an error takes back."""
        # Imported where it is used: who remembers nobody does not pay for it.
        import sqlite3

        # A connection for each use: it is cheap, and knows neither threads nor forks.
        database = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT)
        try:
            with database:
                yield database
        finally:
            database.close()


def _prepare(database: sqlite3.Connection) -> None:
    import sqlite3

    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version not in (0, _VERSION):
        raise sqlite3.DatabaseError(f"it is of version {version}, and this program knows 1")
    if version == _VERSION:
        # To read is enough, which nobody who writes at the moment keeps us from.
        database.execute("SELECT name, fingerprint, confirmed, last_met FROM peers LIMIT 0")
        return
    database.execute(
        "CREATE TABLE IF NOT EXISTS peers (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL,"
        " confirmed INTEGER NOT NULL, first_met REAL NOT NULL, last_met REAL NOT NULL)"
        " WITHOUT ROWID"
    )
    database.execute(f"PRAGMA user_version = {_VERSION}")


def _lookup(database: sqlite3.Connection, name: str) -> KnownPeer | None:
    row = database.execute(
        "SELECT fingerprint, confirmed FROM peers WHERE name = ?", (name,)
    ).fetchone()
    if row is None:
        return None
    return KnownPeer(fingerprint=Fingerprint.parse(row[0]), confirmed=bool(row[1]))


def _write(database: sqlite3.Connection, name: str, peer: KnownPeer, *, now: UnixTime) -> None:
    database.execute(
        "INSERT INTO peers VALUES (:name, :fingerprint, :confirmed, :now, :now) ON CONFLICT (name)"
        " DO UPDATE SET fingerprint = :fingerprint, confirmed = :confirmed, last_met = :now",
        {
            "name": name,
            "fingerprint": str(peer.fingerprint),
            "confirmed": peer.confirmed,
            "now": now,
        },
    )


def _forget_surplus(database: sqlite3.Connection, most: int) -> None:
    database.execute(
        "DELETE FROM peers WHERE name IN (SELECT name FROM peers WHERE NOT confirmed"
        " ORDER BY last_met LIMIT max(0, (SELECT count(*) FROM peers) - ?))",
        (most,),
    )


def _checked(name: str) -> str:
    if not 0 < len(name) <= MAX_NAME:
        raise ValueError(f"the name of a peer has 1 to {MAX_NAME} characters, not {len(name)}")
    return name
