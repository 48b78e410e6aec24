from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.wire.dtls_records import (
    ContentType,
    HeaderForm,
    count_records,
    first_epoch,
    form_of,
    pack,
    records,
)
from tests.support.captures.injection import record
from tests.support.captures.unified import unified

bodies = st.lists(st.binary(max_size=400), max_size=20)


def handshake_record(body: bytes, epoch: int = 1, sequence: int = 7) -> bytes:
    return (
        bytes([ContentType.HANDSHAKE, 0xFE, 0xFD])
        + epoch.to_bytes(2)
        + sequence.to_bytes(6)
        + len(body).to_bytes(2)
        + body
    )


def test_a_record_shows_its_header() -> None:
    (only,) = records(handshake_record(b"body", epoch=3, sequence=2**40))

    assert only.content_type == ContentType.HANDSHAKE
    assert only.epoch == 3
    assert only.sequence_number == 2**40
    assert only.data.endswith(b"body")


def test_a_truncated_record_ends_the_walk() -> None:
    assert len(list(records(handshake_record(b"whole") + handshake_record(b"cut")[:-1]))) == 1


@given(st.binary(max_size=200))
def test_walk_over_dtls_records_never_raises(data: bytes) -> None:
    assert (
        b"".join(r.data for r in records(data)) == data[: sum(len(r.data) for r in records(data))]
    )


def test_the_epoch_is_that_of_the_first_record() -> None:
    assert first_epoch(handshake_record(b"a", epoch=0) + handshake_record(b"b", epoch=1)) == 0
    assert first_epoch(b"\x16\xfe\xfd\x00") is None


@given(bodies, st.integers(min_value=64, max_value=1200))
def test_packing_dtls_records_loses_and_reorders_nothing(contents: list[bytes], mtu: int) -> None:
    stream = b"".join(handshake_record(body) for body in contents)

    assert b"".join(pack(stream, mtu)) == stream


@given(bodies, st.integers(min_value=64, max_value=1200))
def test_datagrams_keep_to_the_mtu_and_to_record_boundaries(
    contents: list[bytes], mtu: int
) -> None:
    for datagram in pack(b"".join(handshake_record(body) for body in contents), mtu):
        inside = list(records(datagram))
        assert sum(len(r.data) for r in inside) == len(datagram)
        assert len(datagram) <= mtu or len(inside) == 1


def test_dtls_records_that_fit_share_a_datagram() -> None:
    stream = handshake_record(bytes(100)) * 3

    assert [len(d) for d in pack(stream, 250)] == [226, 113]


@given(bodies)
def test_dtls_records_are_counted(contents: list[bytes]) -> None:
    assert count_records(b"".join(handshake_record(body) for body in contents)) == len(contents)


def test_truncated_dtls_record_is_counted() -> None:
    assert count_records(handshake_record(b"whole") + b"\x17") == 2


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
def test_first_byte_tells_the_form_of_a_dtls_header(first: int) -> None:
    assert form_of(first) is (HeaderForm.UNIFIED if 32 <= first <= 63 else HeaderForm.PLAIN)


@pytest.mark.parametrize("long_number", [True, False])
@pytest.mark.parametrize("with_length", [True, False])
def test_unified_header_is_split_from_its_body(long_number: bool, with_length: bool) -> None:
    whole = unified(b"body", long_number=long_number, with_length=with_length)

    (only,) = records(whole)

    assert (only.form, only.body, only.data) == (HeaderForm.UNIFIED, b"body", whole)
    assert only.content_type is None
    assert only.sequence_number is None


@pytest.mark.parametrize(("epoch", "told"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 1), (8, 4)])
def test_epoch_of_unified_header_is_never_0(epoch: int, told: int) -> None:
    whole = unified(epoch=epoch)

    assert first_epoch(whole) == told
    assert [each.epoch for each in records(whole)] == [told]


def test_records_of_both_forms_share_a_datagram() -> None:
    protected, last = unified(b"extensions", epoch=2), unified(b"rest", with_length=False)

    assert [each.data for each in records(CLEAR + protected + last)] == [CLEAR, protected, last]
    assert count_records(CLEAR + protected + last) == 3
    assert first_epoch(CLEAR + protected) == 0


def test_unified_record_without_a_length_is_the_last() -> None:
    assert len(list(records(unified(with_length=False) + unified() + CLEAR))) == 1


def test_connection_id_ends_the_walk_over_dtls_records() -> None:
    strange = unified(connection_id=b"some") + CLEAR

    assert list(records(strange)) == []
    assert [each.data for each in records(CLEAR + strange)] == [CLEAR]
    assert count_records(CLEAR + strange) == 2
    assert first_epoch(strange) is None


@pytest.mark.parametrize("size", range(1, len(unified(b"body"))))
def test_truncated_unified_record_is_no_record(size: int) -> None:
    cut = unified(b"body")[:size]

    assert list(records(cut)) == []
    assert count_records(cut) == 1
    assert (first_epoch(cut) is None) is (size < 5)


def test_empty_datagram_has_no_epoch() -> None:
    assert first_epoch(b"") is None
    assert count_records(b"") == 0


@given(st.lists(st.one_of(measured, st.binary(max_size=40)), max_size=8).map(b"".join))
def test_walk_over_dtls_records_leaves_no_gap(data: bytes) -> None:
    walked = list(records(data))

    joined = b"".join(each.data for each in walked)
    assert data.startswith(joined)
    assert all(each.data.endswith(each.body) for each in walked)
    assert all(each.epoch > 0 for each in walked if each.form is HeaderForm.UNIFIED)
    assert count_records(data) - len(walked) == (len(joined) < len(data))


@given(st.lists(measured, max_size=20), st.integers(min_value=64, max_value=1200))
def test_packing_cuts_records_of_both_forms_at_their_boundaries(run: list[bytes], mtu: int) -> None:
    datagrams = pack(b"".join(run), mtu)

    assert b"".join(datagrams) == b"".join(run)
    assert [each.data for datagram in datagrams for each in records(datagram)] == run
    assert all(len(d) <= mtu or len(list(records(d))) == 1 for d in datagrams)


@given(st.binary(max_size=400), st.integers(min_value=1, max_value=200))
def test_packing_dtls_records_never_loses_a_byte(stream: bytes, mtu: int) -> None:
    assert b"".join(pack(stream, mtu)) == stream


def test_stream_of_unknown_length_is_packed_as_it_is() -> None:
    endless = unified(bytes(300), with_length=False)

    assert pack(CLEAR + endless, 200) == [CLEAR, endless]
