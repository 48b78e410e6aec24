"""`handfast-trust.js` judges certificates and follows vouchers as programs do."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peer.identity.certificate import Certificate, KeyType
from peer.identity.voucher import Voucher, VoucherPurpose, followed
from tests.support.browser.page_modules import PageModules, page_modules

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.needs("typescript")

_RENEWAL, _REKEY = VoucherPurpose.RENEWAL, VoucherPurpose.REKEY
_POOL = [Certificate.generate() for _ in range(4)] + [Certificate.generate(KeyType.RSA_2048)]
_CASES = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageModules]:
    with page_modules(tmp_path_factory.mktemp("modules")) as found:
        yield found


def _description(*shown: Certificate, vouchers: Sequence[Voucher] = ()) -> str:
    lines = [f"a=handfast-voucher:{each}" for each in vouchers]
    lines += [f"a=fingerprint:{each.fingerprint()}" for each in shown]
    head = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", *lines]
    return "\r\n".join([*head, "m=audio 9 UDP/TLS/RTP/SAVPF 0", ""])


@dataclass(frozen=True)
class _Link:
    """A voucher of one certificate of the pool for the next, or one of the same key for another.

    `said` is the purpose that it claims, `flaw` the place of a bit that was changed.
    """

    purpose: VoucherPurpose
    said: VoucherPurpose
    flaw: int | None
    strays: bool

    def sign(self, former: Certificate, following: Certificate) -> Voucher:
        """Sign it, as far as it is honest."""
        goal = former if self.strays else following
        made = Voucher.sign(former.der, former.private_key, goal.fingerprint(), self.purpose)
        signature = bytearray(made.signature)
        if self.flaw is not None:
            signature[self.flaw % len(signature)] ^= 1
        return Voucher(self.said, made.former, bytes(signature))


_purposes = st.sampled_from(VoucherPurpose)
_honest = _purposes.map(lambda each: _Link(each, each, None, strays=False))
_any = st.builds(_Link, _purposes, _purposes, st.none() | st.integers(0, 300), strays=st.booleans())
_links = st.lists(st.one_of(_honest, _honest, _honest, _any), max_size=len(_POOL) - 1)


@_CASES
@given(path=st.permutations(_POOL), links=_links, noise=_any, order=st.randoms())
def test_trust_module_follows_the_vouchers_that_python_follows(
    modules: PageModules,
    path: list[Certificate],
    links: list[_Link],
    noise: _Link,
    order: random.Random,
) -> None:
    vouchers = [link.sign(*pair) for link, pair in zip(links, pairwise(path), strict=False)]
    vouchers.append(noise.sign(path[-1], path[0]))
    order.shuffle(vouchers)
    known, shown = path[0], path[len(links)]
    purpose = followed(known.fingerprint(), shown.fingerprint(), vouchers)
    found = modules.call(
        "followed",
        known=str(known.fingerprint()),
        shown=str(shown.fingerprint()),
        sdp=_description(shown, vouchers=vouchers),
    )
    assert found == (None if purpose is None else purpose.value)


@pytest.mark.parametrize("text", ["", "renewal", "renewal A A", "other AAAA AAAA", "rekey = ="])
def test_trust_module_passes_over_what_is_no_voucher(modules: PageModules, text: str) -> None:
    sdp = _description(_POOL[0]).replace("t=0 0", f"t=0 0\r\na=handfast-voucher:{text}")
    fingerprints = [str(each.fingerprint()) for each in _POOL[:2]]
    assert modules.call("followed", known=fingerprints[1], shown=fingerprints[0], sdp=sdp) is None


class _Page:
    """A page without IndexedDB, and one connection of it to somebody who calls itself Ada."""

    def __init__(self, modules: PageModules, number: str) -> None:
        self._modules, self._id = modules, number
        self.connect()

    def connect(self) -> None:
        """Begin another connection."""
        assert self._modules.call("judge", id=self._id) == {"kept": False, "certificates": 0}

    def look(
        self, *shown: Certificate, vouchers: Sequence[Voucher] = (), name: str = "Ada"
    ) -> tuple[str, bool, list[str] | None]:
        """Judge a description: level, whether it is a first contact, and what was known before."""
        sdp = _description(*shown, vouchers=vouchers)
        return self._told(self._modules.call("look", id=self._id, name=name, sdp=sdp))

    def confirm(self) -> tuple[str, bool, list[str] | None]:
        """Say that the phrase matches."""
        return self._remember(confirmed=True)

    def accept(self) -> tuple[str, bool, list[str] | None]:
        """Take a certificate that has changed."""
        return self._remember(confirmed=False)

    def forget(self) -> tuple[str, bool, list[str] | None]:
        """Forget Ada."""
        return self._told(self._modules.call("forget", id=self._id, name="Ada"))

    def _remember(self, *, confirmed: bool) -> tuple[str, bool, list[str] | None]:
        return self._told(
            self._modules.call("remember", id=self._id, name="Ada", confirmed=confirmed)
        )

    @staticmethod
    def _told(trust: dict[str, Any]) -> tuple[str, bool, list[str] | None]:
        changed = trust["changed"]
        return trust["level"], trust["firstContact"], changed and changed["fingerprints"]


@pytest.fixture
def page(modules: PageModules, request: pytest.FixtureRequest) -> _Page:
    return _Page(modules, request.node.name)


_ADA, _OTHER = _POOL[:2]
_ADAS = [str(_ADA.fingerprint())]
_CHANGED = ("nothing", False, _ADAS)


def test_page_remembers_who_was_confirmed_and_nobody_else(page: _Page) -> None:
    assert page.look(_ADA) == ("nothing", True, None)
    page.connect()
    assert page.look(_OTHER) == ("nothing", True, None)
    page.connect()
    page.look(_ADA)
    assert page.confirm() == ("phrase", False, None)
    page.connect()
    assert page.look(_ADA) == ("phrase", False, None)
    assert page.look(_OTHER) == _CHANGED
    assert page.accept() == ("known", False, None)
    page.connect()
    assert page.look(_OTHER) == ("known", False, None)
    assert page.forget() == ("nothing", True, None)
    assert page.look(_ADA) == ("nothing", True, None)


@pytest.mark.parametrize("name", ["ada", " Ada ", "\uff21\uff24\uff21", "Ada\u00a0"])
def test_page_takes_names_that_look_alike_for_one(page: _Page, name: str) -> None:
    page.look(_ADA)
    page.confirm()
    page.connect()
    assert page.look(_OTHER, name=name) == _CHANGED


def test_page_does_not_know_who_shows_a_further_certificate_beside_the_known_one(
    page: _Page,
) -> None:
    page.look(_ADA)
    page.confirm()
    page.connect()
    assert page.look(_ADA, _OTHER) == _CHANGED
    # Which of the two has vouched for which is not known either.
    vouched = _OTHER.vouched_by(_ADA, _RENEWAL).vouchers
    assert page.look(_ADA, _OTHER, vouchers=vouched) == _CHANGED


def test_page_follows_a_renewal_for_good_and_a_rekey_for_its_connection(page: _Page) -> None:
    page.look(_ADA)
    page.confirm()
    renewed = _ADA.renewed()
    page.connect()
    assert page.look(renewed, vouchers=renewed.vouchers) == ("phrase", False, None)
    rekeyed = Certificate.generate().vouched_by(renewed, _REKEY)
    assert page.look(rekeyed, vouchers=rekeyed.vouchers) == ("phrase", False, None)
    page.connect()
    told = page.look(rekeyed, vouchers=rekeyed.vouchers)
    assert told == ("nothing", False, [str(renewed.fingerprint())])
    assert page.look(renewed) == ("phrase", False, None)


def test_page_that_does_not_know_a_peer_sees_a_rekey_of_somebody_else_as_a_first_contact(
    page: _Page,
) -> None:
    page.look(_ADA)
    rekeyed = Certificate.generate().vouched_by(_ADA, _REKEY)
    assert page.look(rekeyed, vouchers=rekeyed.vouchers) == ("nothing", True, None)
    assert page.look(_OTHER) == ("nothing", True, None)
