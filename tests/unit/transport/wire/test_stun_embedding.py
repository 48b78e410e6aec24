"""The exchange of DTLS datagrams in connectivity checks, as a pure state machine."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from peer.transport.wire.stun_embedding import (
    MAX_ACKNOWLEDGED,
    MAX_EMBEDDED,
    EmbeddedDtls,
    EmbeddingState,
    StunEmbedding,
)

HELLO, FLIGHT, REST = b"\x16hello", b"\x16flight", b"\x16rest"
NOTHING = EmbeddedDtls(None, None)


def crc(*datagrams: bytes) -> bytes:
    return b"".join(zlib.crc32(each).to_bytes(4) for each in datagrams)


def confirmed() -> StunEmbedding:
    embedding = StunEmbedding()
    embedding.receive(EmbeddedDtls(None, b""))
    return embedding


def test_first_check_carries_the_client_hello_and_an_empty_acknowledgement() -> None:
    embedding = StunEmbedding()
    embedding.set_flight([HELLO])
    assert embedding.attributes() == EmbeddedDtls(HELLO, b"")


def test_check_of_an_end_without_a_flight_shows_that_it_takes_dtls() -> None:
    assert StunEmbedding().attributes() == EmbeddedDtls(None, b"")


def test_answer_to_a_check_that_embeds_nothing_embeds_nothing() -> None:
    embedding = StunEmbedding()
    embedding.set_flight([HELLO])
    assert embedding.attributes(in_answer=True) is None
    embedding.receive(EmbeddedDtls(None, b""))
    assert embedding.attributes(in_answer=True) == EmbeddedDtls(HELLO, b"")


def test_datagram_is_handed_on_and_acknowledged_by_its_crc() -> None:
    embedding = StunEmbedding()
    assert embedding.receive(EmbeddedDtls(HELLO, b"")) == HELLO
    assert embedding.attributes() == EmbeddedDtls(None, crc(HELLO))


def test_datagrams_of_a_flight_take_turns_until_they_are_acknowledged() -> None:
    embedding = confirmed()
    embedding.set_flight([FLIGHT, REST])
    turns = [embedding.attributes() for _ in range(3)]
    assert [each and each.datagram for each in turns] == [FLIGHT, REST, FLIGHT]
    embedding.receive(EmbeddedDtls(None, crc(FLIGHT)))
    assert [embedding.attributes() for _ in range(2)] == [EmbeddedDtls(REST, b"")] * 2


def test_new_flight_takes_the_place_of_the_one_before() -> None:
    embedding = confirmed()
    embedding.set_flight([HELLO])
    embedding.set_flight([FLIGHT])
    assert embedding.attributes() == EmbeddedDtls(FLIGHT, b"")


def test_datagram_too_long_for_a_check_goes_by_the_path_alone() -> None:
    embedding = confirmed()
    embedding.set_flight([bytes(MAX_EMBEDDED + 1), FLIGHT])
    assert [embedding.attributes() for _ in range(2)] == [EmbeddedDtls(FLIGHT, b"")] * 2


def test_peer_that_embeds_nothing_ends_it_at_once() -> None:
    embedding = StunEmbedding()
    embedding.set_flight([HELLO])
    assert embedding.receive(NOTHING) is None
    assert embedding.state is EmbeddingState.OVER
    assert embedding.attributes() is None


def test_check_without_attributes_amid_the_handshake_ends_nothing() -> None:
    embedding = confirmed()
    embedding.receive(NOTHING)
    assert embedding.state is EmbeddingState.CONFIRMED


def test_last_flight_goes_on_until_the_peer_acknowledges_it() -> None:
    embedding = confirmed()
    embedding.set_flight([FLIGHT])
    embedding.note_complete(answered=False)
    assert embedding.attributes() == EmbeddedDtls(FLIGHT, b"")
    embedding.receive(EmbeddedDtls(None, crc(FLIGHT)))
    assert embedding.state is EmbeddingState.OVER


def test_last_flight_ends_where_the_peer_says_nothing_more() -> None:
    embedding = confirmed()
    embedding.set_flight([FLIGHT])
    embedding.note_complete(answered=False)
    embedding.receive(NOTHING)
    assert embedding.state is EmbeddingState.OVER


def test_answered_flight_ends_with_the_handshake() -> None:
    embedding = confirmed()
    embedding.set_flight([FLIGHT])
    embedding.note_complete(answered=True)
    assert embedding.state is EmbeddingState.OVER


def test_nothing_is_taken_once_it_is_over() -> None:
    embedding = confirmed()
    embedding.end()
    embedding.set_flight([FLIGHT])
    embedding.acknowledge(HELLO)
    assert embedding.receive(EmbeddedDtls(HELLO, b"")) is None
    assert embedding.attributes() is None


@given(st.lists(st.binary(max_size=40), max_size=30), st.binary(max_size=200))
def test_whatever_the_peer_embeds_what_is_kept_is_bounded(
    datagrams: list[bytes], acknowledged: bytes
) -> None:
    embedding = confirmed()
    embedding.set_flight([FLIGHT])
    for each in datagrams:
        embedding.receive(EmbeddedDtls(each, acknowledged))
        embedding.acknowledge(each)
    found = embedding.attributes()
    assert found is not None
    assert found.acknowledged is not None
    assert len(found.acknowledged) <= 4 * MAX_ACKNOWLEDGED
