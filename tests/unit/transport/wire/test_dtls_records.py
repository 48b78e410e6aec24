from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from peer.transport.wire.dtls_records import (
    ContentType,
    count_records,
    first_epoch,
    pack,
    records,
)

bodies = st.lists(st.binary(max_size=400), max_size=20)


def record(body: bytes, epoch: int = 1, sequence: int = 7) -> bytes:
    return (
        bytes([ContentType.HANDSHAKE, 0xFE, 0xFD])
        + epoch.to_bytes(2)
        + sequence.to_bytes(6)
        + len(body).to_bytes(2)
        + body
    )


def test_a_record_shows_its_header() -> None:
    (only,) = records(record(b"body", epoch=3, sequence=2**40))

    assert only.content_type == ContentType.HANDSHAKE
    assert only.epoch == 3
    assert only.sequence_number == 2**40
    assert only.data.endswith(b"body")


def test_a_truncated_record_ends_the_walk() -> None:
    assert len(list(records(record(b"whole") + record(b"cut")[:-1]))) == 1


@given(st.binary(max_size=200))
def test_any_bytes_can_be_walked(data: bytes) -> None:
    assert (
        b"".join(r.data for r in records(data)) == data[: sum(len(r.data) for r in records(data))]
    )


def test_the_epoch_is_that_of_the_first_record() -> None:
    assert first_epoch(record(b"a", epoch=0) + record(b"b", epoch=1)) == 0
    assert first_epoch(b"\x16\xfe\xfd\x00") is None


@given(bodies, st.integers(min_value=64, max_value=1200))
def test_packing_loses_and_reorders_nothing(contents: list[bytes], mtu: int) -> None:
    stream = b"".join(record(body) for body in contents)

    assert b"".join(pack(stream, mtu)) == stream


@given(bodies, st.integers(min_value=64, max_value=1200))
def test_datagrams_keep_to_the_mtu_and_to_record_boundaries(
    contents: list[bytes], mtu: int
) -> None:
    for datagram in pack(b"".join(record(body) for body in contents), mtu):
        inside = list(records(datagram))
        assert sum(len(r.data) for r in inside) == len(datagram)
        assert len(datagram) <= mtu or len(inside) == 1


def test_what_fits_together_travels_together() -> None:
    stream = record(bytes(100)) * 3

    assert [len(d) for d in pack(stream, 250)] == [226, 113]


@given(bodies)
def test_records_are_counted(contents: list[bytes]) -> None:
    assert count_records(b"".join(record(body) for body in contents)) == len(contents)


def test_a_truncated_record_counts() -> None:
    assert count_records(record(b"whole") + b"\x17") == 2
