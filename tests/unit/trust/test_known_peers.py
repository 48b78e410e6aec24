"""Known peers are kept in one file that processes share, and that survives their ends."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from peer.errors import ConfigurationError, TrustStoreError
from peer.identity.certificate import Certificate
from peer.identity.fingerprints import Fingerprint
from peer.trust import KnownPeer, KnownPeers, known_peers
from tests.support.network.process_end import kill

ALICE, BOB = (KnownPeer(fingerprint=Certificate.generate().fingerprint()) for _ in range(2))


async def test_a_peer_is_remembered_and_forgotten(tmp_path: Path) -> None:
    store = KnownPeers(tmp_path / "known.db")
    assert await store.lookup("alice") is None
    assert await store.remember("alice", ALICE, former=None)
    again = KnownPeers(tmp_path / "known.db")
    assert await again.lookup("alice") == ALICE
    assert await again.names() == ("alice",)
    assert await again.forget("alice")
    assert not await again.forget("alice")
    assert await store.lookup("alice") is None


async def test_who_comes_second_does_not_overwrite_what_the_first_has_written(
    tmp_path: Path,
) -> None:
    one, two = KnownPeers(tmp_path / "known.db"), KnownPeers(tmp_path / "known.db")
    results = await asyncio.gather(
        *(store.remember("alice", peer, former=None) for store, peer in ((one, ALICE), (two, BOB)))
    )
    assert sorted(results) == [False, True]
    winner = ALICE if results[0] else BOB
    assert await one.lookup("alice") == await two.lookup("alice") == winner
    confirmed = KnownPeer(fingerprint=BOB.fingerprint, confirmed=True)
    assert await two.remember("alice", confirmed, former=winner)
    assert not await one.remember("alice", ALICE, former=winner)
    assert await one.lookup("alice") == confirmed


async def test_the_file_is_its_owners_alone_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "known.db"
    store = KnownPeers(path, max_peers=3)
    assert path.stat().st_mode & 0o777 == 0o600
    kept = KnownPeer(fingerprint=ALICE.fingerprint, confirmed=True)
    assert await store.remember("friend", kept, former=None)
    for number in range(5):
        assert await store.remember(f"peer {number}", BOB, former=None)
    assert await store.names() == ("friend", "peer 3", "peer 4")


async def test_what_is_no_store_and_no_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("known_hosts" * 1000)
    with pytest.raises(ConfigurationError, match="is no store of known peers"):
        KnownPeers(tmp_path / "text")
    with pytest.raises(ConfigurationError, match="is no store of known peers"):
        KnownPeers(tmp_path)
    with sqlite3.connect(tmp_path / "newer.db") as database:
        database.execute("PRAGMA user_version = 7")
    database.close()
    with pytest.raises(ConfigurationError, match="of version 7"):
        KnownPeers(tmp_path / "newer.db")
    with pytest.raises(ConfigurationError, match="at least 1"):
        KnownPeers(tmp_path / "known.db", max_peers=0)
    store = KnownPeers(tmp_path / "known.db")
    for name in ("", "x" * 1025):
        with pytest.raises(TrustStoreError, match="1 to 1024 characters"):
            await store.lookup(name)
    other = KnownPeer(fingerprint=Fingerprint("sha-512", "AB"))
    with pytest.raises(TrustStoreError, match="SHA-256"):
        await store.remember("alice", other, former=None)
    (tmp_path / "known.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(TrustStoreError):
        await store.lookup("alice")


async def test_a_store_opens_and_reads_while_another_process_writes_and_names_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "known.db"
    assert await KnownPeers(path).remember("alice", ALICE, former=None)
    monkeypatch.setattr(known_peers, "_BUSY_TIMEOUT", 0.0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store = KnownPeers(path)
    assert await store.lookup("alice") == ALICE
    with pytest.raises(TrustStoreError, match="database is locked"):
        await store.remember("alice", BOB, former=ALICE)
    other.execute("ROLLBACK")
    other.close()
    assert await store.remember("alice", BOB, former=ALICE)


async def test_a_database_of_another_program_is_no_store(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as database:
        database.execute("CREATE TABLE peers (address TEXT)")
        database.execute("PRAGMA user_version = 1")
    database.close()
    with pytest.raises(ConfigurationError, match="is no store of known peers"):
        KnownPeers(tmp_path / "other.db")


_WRITER = """
import asyncio, sys
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.trust import KnownPeer, KnownPeers

async def main():
    store, former = KnownPeers(sys.argv[1]), None
    former = await store.lookup("alice")
    for number in range(10_000):
        digest = HashFunction.SHA256.digest(str(number).encode())
        peer = KnownPeer(fingerprint=Fingerprint.of_digest(HashFunction.SHA256, digest))
        if await store.remember("alice", peer, former=former):
            former = peer
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.long)])
async def test_a_store_survives_a_process_that_is_killed_while_it_writes(
    tmp_path: Path, kills: int
) -> None:
    path = tmp_path / "known.db"
    store = KnownPeers(path)
    assert await store.remember("bob", BOB, former=None)
    for lines in range(1, kills + 1):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _WRITER, str(path), stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(lines):
            assert await process.stdout.readline()
        kill(process)
        await process.wait()
        alice = await store.lookup("alice")
        assert alice is not None
        assert await store.lookup("bob") == BOB
        confirmed = KnownPeer(fingerprint=alice.fingerprint, confirmed=True)
        assert await store.remember("alice", confirmed, former=alice)
