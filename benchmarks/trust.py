"""Benchmark of trust: what known peers, signatures and a phrase add to a set-up of both ends.

Usage: `python -m benchmarks.trust [ROUNDS]`. Exits with 1 where the target is missed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.harness import compare, run_rounds
from benchmarks.setup_subjects import Handfast
from benchmarks.targets import Target, judge
from peer import Certificate, PeerConfiguration, PeerConnection
from peer.trust import Continuity, KnownPeers, PublicKeys, Signer, Trust, Verifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

#: Rounds that do not count, rounds by default, and most rounds (ours).
WARM_UP = 3
ROUNDS = 40
MOST_ROUNDS = 1000
#: Target: processor time that known peers and signatures add at both ends together, in ms (ours:
#: 2 ms for each end).
TARGET = 4.0
_NAMES = ("sip:alice@example.org", "sip:bob@example.org")


class _Timed(Handfast):
    """Set-up whose processor time counts, of connections that are configured in turn."""

    def __init__(self, name: str, *configurations: PeerConfiguration) -> None:
        self.name = name
        self._configurations = configurations
        self._next = 0

    async def measure(self) -> float:
        """Set up once, and return the milliseconds of processor time that it took."""
        start = time.process_time()
        await super().measure()
        return (time.process_time() - start) * 1000

    def _connection(self) -> PeerConnection:
        self._next = (self._next + 1) % 2
        return PeerConnection(self._configurations[self._next])


def _subjects(folder: Path) -> list[_Timed]:
    certificates = [Certificate.generate() for _ in _NAMES]
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in _NAMES}
    stores = [KnownPeers(folder / f"{number}.db") for number in range(2)]

    def configured(*trusts: Trust | None) -> list[PeerConfiguration]:
        return [
            PeerConfiguration(certificates=[certificate], trust=trust, peer_name=name)
            for certificate, trust, name in zip(certificates, trusts, reversed(_NAMES), strict=True)
        ]

    known = [Trust(known_peers=store, continuity=Continuity.REMEMBER) for store in stores]
    signed = [
        Trust(
            known_peers=store,
            continuity=Continuity.REMEMBER,
            signer=Signer(keys[us], origin=us, destination=them),
            verifier=Verifier(PublicKeys(_public(keys)), audience=us),
        )
        for store, us, them in zip(stores, _NAMES, reversed(_NAMES), strict=True)
    ]
    return [
        _Timed("signalling alone", *configured(None, None)),
        _Timed("known peers", *configured(*known)),
        _Timed("known peers and signatures", *configured(*signed)),
        _Timed("phrase", *configured(Trust(phrase=True), Trust(phrase=True))),
    ]


def _public(
    keys: Mapping[str, ec.EllipticCurvePrivateKey],
) -> dict[str, ec.EllipticCurvePublicKey]:
    return {name: key.public_key() for name, key in keys.items()}


async def run(rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the target is met."""
    with tempfile.TemporaryDirectory() as folder:
        subjects = _subjects(Path(folder))
        report = await compare(
            "processor time of a set-up, both ends", subjects, warm_up=WARM_UP, rounds=rounds
        )
    report.publish("trust", console)
    medians = {series.name: series.median for series in report.series}
    added = medians["known peers and signatures"] - medians["signalling alone"]
    return judge("trust", [Target("known peers and signatures add, ms", [added], TARGET)], console)


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))
