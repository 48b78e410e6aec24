from __future__ import annotations

from fractions import Fraction

from media.recording.pending import Frame, Pending

MS = Fraction(1, 1000)


def frame(
    at: int, stream: int = 0, *, key: bool = True, picture: bool = False, octets: int = 1
) -> Frame:
    """One at so many milliseconds."""
    return Frame(at * MS, stream, bytes(octets), 20 * MS, key, picture)


def begun() -> Pending:
    """What has its first frame behind it."""
    pending = Pending()
    assert pending.completed_by(frame(0)) == [frame(0)]
    assert pending.completed_by(frame(0, 1)) == [frame(0, 1)]
    assert pending.take() == []
    return pending


def test_a_piece_is_half_a_second() -> None:
    pending = begun()
    first = [frame(at) for at in range(0, 500, 20)]
    for one in first:
        assert pending.completed_by(one) == []
    assert pending.completed_by(frame(500)) == first
    assert pending.take() == [frame(500)]
    assert pending.take() == []


def test_it_begins_with_a_key_picture_where_it_may() -> None:
    pending = begun()
    for early in (0, 100, 249):
        assert pending.completed_by(frame(early, picture=True)) == []
    assert pending.completed_by(frame(260, picture=True, key=False)) == []
    # All sound is key frames.
    assert pending.completed_by(frame(270, 1)) == []
    assert len(pending.completed_by(frame(280, picture=True))) == 5


def test_key_pictures_that_always_come_early_in_a_piece_begin_one_all_the_same() -> None:
    pending = begun()
    done = []
    for at in range(0, 10_000, 20):
        # Else a piece would begin 100 ms before each of them, for ever.
        done.append(pending.completed_by(frame(at)))
        if at % 2000 == 100:
            done.append(pending.completed_by(frame(at, 1, picture=True)))
    begins = [piece[0] for piece in done if piece]
    keys = [each.pts for each in begins if each.picture]
    assert keys == [at * MS for at in range(2100, 10_000, 2000)]


def test_neither_a_gap_nor_a_stream_that_is_behind_is_part_of_it() -> None:
    pending = begun()
    for at in (0, 10_000, 9_400, 9_901):
        done = pending.completed_by(frame(at))
        assert len(done) == (at != 0 and at != 9_901) + (at == 9_901)
    assert pending.take() == [frame(9_901)]


def test_large_frames_do_not_gather() -> None:
    pending = begun()
    kept = [pending.completed_by(frame(at, octets=1_500_000)) for at in range(4)]
    assert [len(done) for done in kept] == [0, 0, 0, 3]


def test_the_first_of_a_stream_does_not_wait_for_what_came_before_it() -> None:
    pending = begun()
    assert pending.completed_by(frame(20)) == []
    assert pending.completed_by(frame(30, 2)) == [frame(20), frame(30, 2)]
    assert pending.completed_by(frame(40, 2)) == []
