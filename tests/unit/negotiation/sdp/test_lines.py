from __future__ import annotations

import pytest

from peer.negotiation.sdp.lines import Line


def test_an_attribute_has_a_name_and_an_argument() -> None:
    line = Line("a", "ssrc:1 cname:x")
    assert (line.name, line.argument, line.text) == ("ssrc", "1 cname:x", "a=ssrc:1 cname:x")


def test_a_flag_has_an_empty_argument() -> None:
    assert Line.attribute("rtcp-mux") == Line("a", "rtcp-mux")
    assert Line.attribute("rtcp-mux").argument == ""


def test_line_that_is_no_attribute_has_no_name() -> None:
    line = Line("c", "IN IP6 ::1")
    assert (line.name, line.argument) == (None, "")


def test_an_attribute_is_written_from_any_value() -> None:
    assert Line.attribute("sctp-port", 5000).text == "a=sctp-port:5000"


def test_lines_compare_without_number_and_end() -> None:
    assert Line("s", "-", 3, "\n") == Line("s", "-")


@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\r\na=setup:active", "\ud800"])
def test_nothing_can_be_injected_through_a_value(bad: str) -> None:
    with pytest.raises(ValueError, match="a line"):
        Line.attribute("msid", f"stream{bad}")
    with pytest.raises(ValueError, match="a line"):
        Line("s", f"name{bad}")


@pytest.mark.parametrize("name", ["", "a:b", "a b", "a\r\n", "é", "a\n"])
def test_nothing_can_be_injected_through_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="attribute name"):
        Line.attribute(name, "value")


@pytest.mark.parametrize("type_", ["", "ab", "1", "é", "\n", "="])
def test_a_type_is_one_letter(type_: str) -> None:
    with pytest.raises(ValueError, match="one letter"):
        Line(type_, "value")


@pytest.mark.parametrize("value", ["", ":x", " mid:0", "mid :0", "a b"])
def test_an_attribute_without_a_proper_name_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="an attribute is"):
        Line("a", value)


@pytest.mark.parametrize("eol", ["\r", "\n\n", "a=x\r\n"])
def test_a_line_end_is_crlf_lf_or_nothing(eol: str) -> None:
    with pytest.raises(ValueError, match="ends with"):
        Line("s", "-", eol=eol)


@pytest.mark.parametrize("text", ["", "a", "a:b", " a=b", "ab=c"])
def test_a_text_that_is_no_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="one letter and"):
        Line.parse(text)
