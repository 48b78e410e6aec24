"""Results of handshakes with third-party peers, and their table in docs/INTEROP.md.

The tests write what they saw to artifacts/interop, a file for each peer; `python -m
tests.support.peers.interop` puts that in the place that docs/INTEROP.md has for it.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from peer.configuration.security_policy import SrtpProfile
from peer.iana_names import srtp_profile
from peer.identity.certificate import KeyType
from tests.support.peers import matrix
from tests.support.peers.handshakes import Call, Handshake, Way
from tests.support.peers.third_party import ThirdParty
from tests.support.project.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

RESULTS = ROOT / "artifacts" / "interop"
DOCUMENT = ROOT / "docs" / "INTEROP.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
MATRIX = "<!-- matrix: begin -->", "<!-- matrix: end -->"

_NAMES = {
    ThirdParty.CHROMIUM: "Chromium",
    ThirdParty.FIREFOX: "Firefox",
    ThirdParty.WRTC: "libwebrtc (@roamhq/wrtc)",
    ThirdParty.LIBDATACHANNEL: "libdatachannel",
    ThirdParty.PION: "Pion",
    ThirdParty.WEBRTCBIN: "GStreamer webrtcbin",
    ThirdParty.WERIFT: "werift",
    ThirdParty.PYTHON_WEBRTC: "libwebrtc (wrtc, Python)",
}
_VERSIONS = {"FEFD": "1.2", "FEFC": "1.3"}


@dataclass(frozen=True, slots=True)
class Result:
    """A call with its observations, or the reason of its failure in words."""

    call: Call
    handshake: Handshake | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Results:
    """Results of all calls with one peer."""

    peer: ThirdParty
    version: str
    results: tuple[Result, ...]

    def of(self, call: Call) -> Result:
        """Record the result of a call.

        Raises:
            KeyError: It was not made.
        """
        for result in self.results:
            if result.call == call:
                return result
        raise KeyError(call)

    def write(self, folder: Path = RESULTS) -> None:
        """Save the results for the table."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.peer}.json").write_bytes(msgspec.json.encode(self))


def read(folder: Path = RESULTS) -> list[Results]:
    """Load the saved results, in the order of the peers' names above."""
    files = [folder / f"{name}.json" for name in ThirdParty]
    return [msgspec.json.decode(f.read_bytes(), type=Results) for f in files if f.exists()]


def render(everything: Iterable[Results]) -> str:
    """Render both tables as Markdown."""
    everything = list(everything)
    lines = [
        "| peer | who offers | DTLS client | DTLS | cipher suite | SRTP profile |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_way_row(results, way) for results in everything for way in Way]
    keys = " | ".join(f"only {profile.name}" for profile in SrtpProfile)
    lines += ["", f"| peer | {keys} | our RSA certificate | its certificate |"]
    lines.append("|---|" + "---|" * (len(SrtpProfile) + 2))
    lines += [_choice_row(results) for results in everything]
    return "\n".join(lines)


def _way_row(results: Results, way: Way) -> str:
    result, name = results.of(Call(way)), f"{_NAMES[results.peer]} {results.version}"
    offers = "we" if way is Way.OFFER else "peer"
    if result.handshake is None:
        client = "we" if way.our_role == "client" else "peer"
        return f"| {name} | {offers} | {client} | {result.problem} | | |"
    seen = result.handshake
    client = "we" if seen.role == "client" else "peer"
    version = _VERSIONS.get(seen.version or "", seen.version)
    return (
        f"| {name} | {offers} | {client} | {version} | {seen.cipher} | {_profile(seen.profile)} |"
    )


def _choice_row(results: Results) -> str:
    calls = [Call(Way.OFFER, profile=profile) for profile in SrtpProfile]
    calls.append(Call(Way.OFFER, KeyType.RSA_2048))
    made = [results.of(call) for call in calls]
    cells = ["yes" if each.handshake is not None else f"no: {_brief(each)}" for each in made]
    # Where it is the server, the suite names the key of its certificate.
    as_server = results.of(Call(Way.ANSWER_ACTIVE)).handshake
    cells.append("" if as_server is None else (as_server.cipher or "").split("_")[2])
    return f"| {_NAMES[results.peer]} | {' | '.join(cells)} |"


def _brief(result: Result) -> str:
    """Return the first clause of a problem, without the class of the error."""
    return re.split("[,;]", (result.problem or "").partition(": ")[2])[0]


def _profile(value: str | None) -> str:
    return (
        "none" if value is None else next(p.name for p in SrtpProfile if srtp_profile(p) == value)
    )


def main() -> int:
    """Write the tables of docs/INTEROP.md anew, from the last run with INTEROP=all."""
    found = read()
    lacking = [name.value for name in ThirdParty if name not in {each.peer for each in found}]
    if lacking:
        print(f"no results for {', '.join(lacking)}: run tests/interop/handshake", file=sys.stderr)
        return 1
    text = _between(DOCUMENT.read_text(), (BEGIN, END), render(found))
    rows = matrix.load()
    unshown = matrix.lacking(rows, matrix.read_outcomes())
    DOCUMENT.write_text(_between(text, MATRIX, matrix.render(rows, unshown)))
    for test in sorted(unshown):
        print(f"{test} has not passed: its cells say so", file=sys.stderr)
    return int(bool(unshown))


def with_matrix(text: str) -> str:
    """Put the matrix in its place in the document, as it is where every test has passed."""
    return _between(text, MATRIX, matrix.render(matrix.load()))


def _between(text: str, marks: tuple[str, str], new: str) -> str:
    before, _, rest = text.partition(marks[0])
    _, _, after = rest.partition(marks[1])
    return f"{before}{marks[0]}\n{new}\n{marks[1]}{after}"


if __name__ == "__main__":
    sys.exit(main())
