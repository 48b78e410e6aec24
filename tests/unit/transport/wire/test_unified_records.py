"""The walk over records of DTLS 1.3, alone and beside those with the header of DTLS 1.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.wire.dtls_records import (
    HeaderForm,
    count_records,
    first_epoch,
    form_of,
    pack,
    records,
)
from tests.support.captures.injection import record
from tests.support.captures.unified import unified

CLEAR = record(22, 0, 7, b"hello")
#: Of either form, each with a length; bodies may be of any content.
measured = st.binary(max_size=300).flatmap(
    lambda body: st.sampled_from(
        [
            unified(body, epoch=2),
            unified(body, long_number=False),
            record(22, 0, 1, body),
            record(23, 1, 1, body),
        ]
    )
)


@pytest.mark.parametrize("first", range(256))
def test_the_first_byte_tells_the_form(first: int) -> None:
    assert form_of(first) is (HeaderForm.UNIFIED if 32 <= first <= 63 else HeaderForm.PLAIN)


@pytest.mark.parametrize("long_number", [True, False])
@pytest.mark.parametrize("with_length", [True, False])
def test_a_unified_header_is_told_from_its_body(long_number: bool, with_length: bool) -> None:
    whole = unified(b"body", long_number=long_number, with_length=with_length)

    (only,) = records(whole)

    assert (only.form, only.body, only.data) == (HeaderForm.UNIFIED, b"body", whole)
    assert only.content_type is None
    assert only.sequence_number is None


@pytest.mark.parametrize(("epoch", "told"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 1), (8, 4)])
def test_two_bits_of_an_epoch_never_look_like_clear(epoch: int, told: int) -> None:
    whole = unified(epoch=epoch)

    assert first_epoch(whole) == told
    assert [each.epoch for each in records(whole)] == [told]


def test_records_of_both_forms_share_a_datagram() -> None:
    protected, last = unified(b"extensions", epoch=2), unified(b"rest", with_length=False)

    assert [each.data for each in records(CLEAR + protected + last)] == [CLEAR, protected, last]
    assert count_records(CLEAR + protected + last) == 3
    assert first_epoch(CLEAR + protected) == 0


def test_a_record_without_a_length_is_the_last() -> None:
    assert len(list(records(unified(with_length=False) + unified() + CLEAR))) == 1


def test_a_connection_id_that_nobody_negotiated_ends_the_walk() -> None:
    strange = unified(connection_id=b"some") + CLEAR

    assert list(records(strange)) == []
    assert [each.data for each in records(CLEAR + strange)] == [CLEAR]
    assert count_records(CLEAR + strange) == 2
    assert first_epoch(strange) is None


@pytest.mark.parametrize("size", range(1, len(unified(b"body"))))
def test_a_truncated_record_is_none(size: int) -> None:
    cut = unified(b"body")[:size]

    assert list(records(cut)) == []
    assert count_records(cut) == 1
    assert (first_epoch(cut) is None) is (size < 5)


def test_nothing_has_no_epoch() -> None:
    assert first_epoch(b"") is None
    assert count_records(b"") == 0


@given(st.lists(st.one_of(measured, st.binary(max_size=40)), max_size=8).map(b"".join))
def test_the_walk_never_fails_and_leaves_no_gap(data: bytes) -> None:
    walked = list(records(data))

    joined = b"".join(each.data for each in walked)
    assert data.startswith(joined)
    assert all(each.data.endswith(each.body) for each in walked)
    assert all(each.epoch > 0 for each in walked if each.form is HeaderForm.UNIFIED)
    assert count_records(data) - len(walked) == (len(joined) < len(data))


@given(st.lists(measured, max_size=20), st.integers(min_value=64, max_value=1200))
def test_a_run_of_both_forms_is_cut_at_its_records(run: list[bytes], mtu: int) -> None:
    datagrams = pack(b"".join(run), mtu)

    assert b"".join(datagrams) == b"".join(run)
    assert [each.data for datagram in datagrams for each in records(datagram)] == run
    assert all(len(d) <= mtu or len(list(records(d))) == 1 for d in datagrams)


@given(st.binary(max_size=400), st.integers(min_value=1, max_value=200))
def test_packing_never_loses_a_byte(stream: bytes, mtu: int) -> None:
    assert b"".join(pack(stream, mtu)) == stream


def test_what_cannot_be_cut_is_sent_as_it_is() -> None:
    endless = unified(bytes(300), with_length=False)

    assert pack(CLEAR + endless, 200) == [CLEAR, endless]
