"""The walks of ARCHITECTURE.md name each file that runs, and no other."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.project.walks import DOCUMENT, TIMED, Ran, Walk, listed, walk_all

TEXT = DOCUMENT.read_text()
#: So often a walk is walked: what depends on who is faster runs in one of them.
TIMES = 3
#: Files of timers and feedback that ran in each of these and in not each when the list was made,
#: and that ran then and in none of these.
SPARED = 3
#: What a datagram passes, and a rekey at both ends with two more, on 2026-12-01.
MOST_FILES_OF_A_DATAGRAM = 14
MOST_FILES_OF_A_REKEY = 78


@pytest.fixture(scope="module")
def walks() -> dict[Walk, list[Ran]]:
    found: dict[Walk, list[Ran]] = {walk: [] for walk in Walk}
    for _ in range(TIMES):
        for walk, ran in asyncio.run(walk_all()).items():
            found[walk].append(ran)
    return found


@pytest.mark.parametrize("walk", Walk, ids=str)
def test_walk_names_what_runs(walk: Walk, walks: dict[Walk, list[Ran]]) -> None:
    sets = [set(ran.files) for ran in walks[walk]]
    named = set(listed(walk, TEXT))
    spared = SPARED if walk in TIMED else 0
    missing = set.intersection(*sets) - named
    assert len(missing) <= spared, f"{missing}: python -m tests.support.project.walks"
    never = named.difference(*sets)
    assert len(never) <= spared, f"{never}: python -m tests.support.project.walks"


def test_datagram_passes_few_files(walks: dict[Walk, list[Ran]]) -> None:
    assert max(len(ran.files) for ran in walks[Walk.DATAGRAM]) <= MOST_FILES_OF_A_DATAGRAM


def test_rekey_passes_few_files(walks: dict[Walk, list[Ran]]) -> None:
    both = zip(walks[Walk.REKEY_ASKING], walks[Walk.REKEY_ANSWERING], strict=True)
    for asking, answering in both:
        assert len({*asking.files, *answering.files}) <= MOST_FILES_OF_A_REKEY
