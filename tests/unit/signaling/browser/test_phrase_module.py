"""`handfast-phrase.js` makes the phrases that peer/trust makes, of the same descriptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peer.identity.fingerprints import Fingerprint
from peer.negotiation.sdp.description import Sdp
from peer.runtime.peer_identity import fingerprints
from peer.trust.emoji import EMOJI
from peer.trust.phrase import PHRASE_BITS, Phrase, PhraseEnds, word_list
from peer.trust.phrase_exchange import PhraseExchange
from tests.support.browser.page_modules import PageModules, page_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("typescript")

#: Examples of each property: shared vectors of the two languages.
_CASES = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageModules]:
    with page_modules(tmp_path_factory.mktemp("modules")) as found:
        yield found


def _line(data: bytes) -> str:
    return f"a=fingerprint:sha-256 {data.hex(':').upper()}\r\n"


@dataclass(frozen=True)
class _Section:
    """One m-section: whether it is rejected, and its own fingerprints."""

    rejected: bool = False
    bundle_only: bool = False
    own: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        port = 0 if self.rejected or self.bundle_only else 9
        extra = "a=bundle-only\r\n" if self.bundle_only else ""
        own = "".join(map(_line, self.own))
        return f"m=audio {port} UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n{extra}{own}"


@dataclass(frozen=True)
class _Description:
    """A description, as far as its fingerprints go."""

    session: tuple[bytes, ...]
    sections: list[_Section] = field(default_factory=list)

    def __str__(self) -> str:
        return _HEAD + "".join(map(_line, self.session)) + "".join(map(str, self.sections))


_hashes = st.binary(min_size=32, max_size=32)
_own = st.lists(_hashes, max_size=2).map(tuple)
_descriptions = st.builds(
    _Description,
    session=st.lists(_hashes, min_size=1, max_size=2).map(tuple),
    sections=st.lists(
        st.builds(_Section, rejected=st.booleans(), bundle_only=st.booleans(), own=_own),
        min_size=1,
        max_size=4,
    ),
)


@_CASES
@given(value=st.integers(min_value=0, max_value=2**PHRASE_BITS - 1))
def test_phrase_module_shows_the_words_digits_and_emoji_of_python(
    modules: PageModules, value: int
) -> None:
    phrase = Phrase(value)
    shown = modules.call("shown", value=str(value), list=word_list())
    assert shown["words"] == list(phrase.words())
    assert shown["digits"] == phrase.digits
    assert shown["emoji"] == [
        list(each) for each in zip(phrase.emoji, phrase.emoji_names, strict=True)
    ]


def test_phrase_module_has_the_emoji_of_python(modules: PageModules) -> None:
    for index, each in enumerate(EMOJI):
        shown = modules.call("shown", value=str(index), list=word_list())
        assert shown["emoji"][-1] == [each.symbol, each.name]


@_CASES
@given(description=_descriptions)
def test_phrase_module_finds_the_fingerprints_that_python_finds(
    modules: PageModules, description: _Description
) -> None:
    found = modules.call("fingerprints", sdp=str(description))
    assert found == sorted(map(str, fingerprints(Sdp.parse(str(description)))))


@_CASES
@given(
    ends=st.tuples(_hashes, _hashes),
    same=st.booleans(),
    page_offers=st.booleans(),
    random=st.binary(min_size=32, max_size=32),
)
def test_page_and_program_exchange_one_phrase_whoever_offers(
    modules: PageModules, ends: tuple[bytes, bytes], same: bool, page_offers: bool, random: bytes
) -> None:
    # Two tabs of one browser have one certificate.
    page, program = (ends[0], ends[0]) if same else ends
    sdps = [str(_Description((each,), [_Section()])) for each in (page, program)]
    sets = [frozenset({Fingerprint.parse(_line(each)[14:].strip())}) for each in (page, program)]
    if not page_offers:
        sdps.reverse()
        sets.reverse()
    here = PhraseExchange(lambda _: random)
    offer, answer = sdps
    both = PhraseEnds(offerer=sets[0], answerer=sets[1])
    modules.call("exchange", id="page")
    if page_offers:
        signed = modules.call("sign", id="page", sdp=offer)
        assert "a=handfast-phrase:1\r\n" in signed
        value = here.answer_value(both)
        assert here.begin(both, we_offered=False, value="1") is None
        with_commitment = _HEAD + f"a=handfast-phrase:{value}\r\n" + answer.removeprefix(_HEAD)
        (first,) = modules.call(
            "begin", id="page", offer=offer, answer=with_commitment, weOffered=True
        )["sent"]
        (found,) = modules.call("receive", id="page", text=here.receive(first))["found"]
    else:
        asking = _HEAD + "a=handfast-phrase:1\r\n" + offer.removeprefix(_HEAD)
        signed = modules.call("sign", id="page", sdp=answer, offer=asking)
        committed = Sdp.parse(signed).session.attribute("handfast-phrase")
        asked = here.begin(both, we_offered=True, value=committed)
        modules.call("begin", id="page", offer=asking, answer=answer, weOffered=False)
        told = modules.call("receive", id="page", text=asked)
        (found,), (second,) = told["found"], told["sent"]
        assert here.receive(second) is None
    assert here.phrase is not None
    assert found["value"] == str(here.phrase.value)
    assert found["theirs"] == [str(*sets[1 if page_offers else 0])]


_MALLORY = "a=fingerprint:sha-256 " + ":".join(["66"] * 32)
_HONEST = _Description((bytes(32),), [_Section()])


@pytest.mark.parametrize(
    "hidden",
    [
        _MALLORY,
        _MALLORY.replace(" ", "  "),
        _MALLORY.replace(" ", "\t"),
        _MALLORY.replace(":", " :", 1),
        f" {_MALLORY}",
        _MALLORY.replace("fingerprint", "Fingerprint"),
        f"a=x:\r{_MALLORY}",
        f"a=x\r\nm=audio 0 UDP/TLS/RTP/SAVPF 0\ra=mid:1\r\n{_MALLORY}",
        f"m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=x\rm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n{_MALLORY}",
        f"a=x\u2028m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n{_MALLORY}",
        f"{_MALLORY} more",
    ],
)
def test_phrase_module_lets_nobody_hide_a_fingerprint_that_a_browser_may_read(
    modules: PageModules, hidden: str
) -> None:
    honest = modules.call("fingerprints", sdp=str(_HONEST))
    assert honest == ["sha-256 " + ":".join(["00"] * 32)]
    assert modules.call("fingerprints", sdp=f"{_HONEST}{hidden}\r\n") != honest
