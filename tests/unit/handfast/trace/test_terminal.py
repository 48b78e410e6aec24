"""Meaning of the ladder in a terminal; its appearance is not tested."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from handfast.trace import Ladder, TerminalLadder, TracedEnd, draw
from peer.times import UnixTime
from peer.tracing.events import DatagramKind, Failed
from tests.support.tracing.ladder_changes import rekeyed, restarted
from tests.support.tracing.ladders import OFFER, START, Session, connected, intercepted


def both(session: Session) -> Ladder:
    return draw(TracedEnd("alice", session.offerer), TracedEnd("bob", session.answerer))


def drawn(ladder: Ladder, width: int = 80, encoding: str = "utf-8", **options: bool) -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=file, width=width, **options).print(TerminalLadder(ladder))  # type: ignore[arg-type] # switches of Console
    file.seek(0)
    return file.read().splitlines()


def line_with(lines: list[str], words: str) -> str:
    return next(line for line in lines if words in line)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for ladder in (both(connected()), both(intercepted()), both(rekeyed()), both(restarted())):
        assert max(cell_len(line) for line in drawn(ladder, width)) <= width


def test_both_lifelines_go_from_the_first_row_to_the_last() -> None:
    lines = drawn(both(connected()))
    heads = lines.index(line_with(lines, "alice"))
    body = lines[heads + 1 : lines.index("", heads)]

    assert {line[11] for line in body} == {"│"}
    assert {line[-1] for line in body} == {"│"}
    assert {len(line) for line in body} == {80}


def test_arrows_point_to_the_end_that_receives() -> None:
    lines = drawn(both(connected()))

    assert line_with(lines, " offer ").endswith("╌▶│")
    assert "│◀╌" in line_with(lines, " answer ")
    assert line_with(lines, " ClientHello ──│").count("◀") == 1
    checks = line_with(lines, "connectivity checks")
    assert "│◀·" in checks
    assert checks.endswith("·▶│")


def test_names_and_notes_stand_at_their_ends() -> None:
    lines = drawn(both(connected()))

    heads = line_with(lines, "alice")
    assert heads.strip().startswith("alice")
    assert heads.endswith("bob")
    assert "│● DTLS server" in line_with(lines, "DTLS server")
    assert line_with(lines, "DTLS client").endswith("●│")


def test_messages_that_need_two_lines_are_all_there() -> None:
    text = " ".join(" ".join(drawn(both(connected()), 60)).replace("│", " ").split())

    assert (
        "ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone" in text
    )
    assert "flight 4 · 1,140 bytes in 2 datagrams" in text


def test_a_row_has_its_time_and_its_section() -> None:
    lines = drawn(both(connected()))

    assert line_with(lines, " ClientHello ──│").startswith("   50.0 ms ")
    assert "RFC 8445 §7" in line_with(lines, "4 requests, 4 answers")


def test_what_was_lost_ends_before_the_other_lifeline() -> None:
    session = connected()
    session.datagram(0.2, DatagramKind.DTLS, "Alert (encrypted)", out=True, lost=True)
    lines = drawn(both(session))

    lost = line_with(lines, "Alert (encrypted)")
    assert "▶" not in lost
    assert "✖" in lost or "✕" in lost
    assert "not seen by bob" in lines[lines.index(lost) + 1]


def test_a_failure_is_said_in_words_at_the_top_and_where_it_happened() -> None:
    lines = drawn(both(intercepted()))

    assert lines[0].startswith("✘ Failed. alice: the peer's certificate does not match")
    assert "│✘ FAILED: the peer's" in line_with(lines, "FAILED")


def test_rows_say_which_association_they_belong_to_once_there_are_several() -> None:
    lines = drawn(both(rekeyed()))

    assert line_with(lines, "A1 ClientHello").startswith("   50.0 ms")
    assert line_with(lines, "A2 ClientHello").startswith("   1.006 s")
    assert "│● A2 association 2 started" in line_with(lines, "│● A2")
    assert "A1, A2 … DTLS associations, in their order" in " ".join(lines)
    assert not any("A1" in line for line in drawn(both(connected())))


def test_rows_that_are_left_out_are_counted() -> None:
    session = rekeyed(5)
    ladder = draw(TracedEnd("alice", session.offerer), limit=40)

    assert "rows of" in line_with(drawn(ladder), "left out")


def test_a_pause_is_said() -> None:
    session = Session()
    session.describe(0.0, "offer", OFFER)
    session.at_offerer(Failed(time=UnixTime(START + 10), sentence="no answer came"))

    assert "10.000 s later" in line_with(drawn(both(session)), "┆")


def test_a_terminal_without_unicode_gets_a_drawing_in_ascii() -> None:
    lines = drawn(both(connected()), encoding="ascii")

    body = [line for line in lines if "|" in line]
    assert line_with(body, "ClientHello --|").count("<") == 1


def test_without_colour_the_same_is_said() -> None:
    ladder = both(intercepted())
    coloured = "\n".join(drawn(ladder, force_terminal=True))

    assert "\x1b[" in coloured
    assert "\x1b[" not in "\n".join(drawn(ladder, no_color=True))
