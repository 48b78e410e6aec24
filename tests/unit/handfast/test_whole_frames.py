from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from handfast.whole_frames import frame_size, read_whole_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST = 70_000


def of_client(data: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


@given(st.text(), st.binary(max_size=8), st.binary(max_size=8))
def test_a_whole_text_is_read_wherever_it_stands(text: str, before: bytes, behind: bytes) -> None:
    frame = of_client(text.encode())
    data = before + frame + behind
    assert read_whole_text(data, len(before), longest=LONGEST) == (text, len(before) + len(frame))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535])
def test_both_kinds_of_length_are_read(size: int) -> None:
    frame = of_client(b"x" * size)
    assert read_whole_text(frame, 0, longest=LONGEST) == ("x" * size, len(frame))


@pytest.mark.parametrize("size", [0, 3, 125, 126, 300])
def test_a_text_of_which_a_part_is_missing_is_left(size: int) -> None:
    frame = of_client(b"x" * size)
    for end in range(len(frame)):
        assert read_whole_text(frame[:end], 0, longest=LONGEST) is None


def test_a_text_is_as_long_as_is_allowed() -> None:
    frame = of_client(b"x" * 200)
    assert read_whole_text(frame, 0, longest=200) is not None
    assert read_whole_text(frame, 0, longest=199) is None


#: Each is made when the test runs: masks differ, and tests are known by what stands here.
_OTHER_FRAMES: Mapping[str, Callable[[], bytes]] = {
    "octets": lambda: of_client(b"octets", Opcode.BINARY),
    "ping": lambda: of_client(b"", Opcode.PING),
    "close": lambda: of_client(b"\x03\xe8", Opcode.CLOSE),
    "first part": lambda: of_client(b"first part", fin=False),
    "last part": lambda: of_client(b"last part", Opcode.CONT),
    "no UTF-8": lambda: of_client(b"\xff\xfe"),
    "64 bits of length": lambda: of_client(b"x" * 65_536),
    "no mask": lambda: Frame(Opcode.TEXT, b"without a mask").serialize(mask=False),
    # RSV1 (RFC 7692 section 6).
    "compressed": lambda: b"\xc1" + of_client(b"compressed")[1:],
    # RFC 6455 section 5.2: the least number of octets says how long it is.
    "length too long": lambda: b"\x81\xfe\x00\x05\x00\x00\x00\x00hello",
}


@pytest.mark.parametrize("kind", _OTHER_FRAMES)
def test_what_is_no_whole_text_by_the_rules_is_left(kind: str) -> None:
    assert read_whole_text(_OTHER_FRAMES[kind](), 0, longest=LONGEST) is None


@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("mask", [True, False])
def test_a_frame_is_measured_by_its_begin(opcode: Opcode, size: int, mask: bool) -> None:
    frame = Frame(opcode, bytes(size)).serialize(mask=mask)
    head = len(frame) - size - (4 if mask else 0)
    assert frame_size(b"xx" + frame[:head], 2) == len(frame)
    assert [frame_size(frame[:end], 0) for end in range(head)] == [None] * head
