from __future__ import annotations

import pytest

from media.recording.boxes import box_of, boxes, full_box_of, inside


def test_boxes_follow_one_another_and_lie_in_one_another() -> None:
    data = box_of(b"aaaa", box_of(b"bbbb", b"1") + box_of(b"bbbb", b"2")) + box_of(b"cccc", b"3")
    assert [(found.kind, found.start, found.end) for found in boxes(data)] == [
        (b"aaaa", 0, 26),
        (b"cccc", 26, 35),
    ]
    assert list(inside(data, b"aaaa", b"bbbb")) == [b"1", b"2"]
    assert list(inside(data, b"cccc")) == [b"3"]
    assert list(inside(data, b"aaaa", b"cccc")) == []


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 8, b"\0\0\0\7free"])
def test_what_is_no_box_ends_them(data: bytes) -> None:
    assert list(boxes(data)) == []


def test_a_box_with_version_and_flags_is_read_back() -> None:
    (found,) = boxes(full_box_of(b"aaaa", data=b"1", version=1, flags=0x020000))
    assert found.data == b"\1\2\0\0" + b"1"
