from __future__ import annotations

from tests.support.project.ladder_guide import GUIDE, redrawn


def test_the_ladders_of_the_guide_are_what_the_program_draws() -> None:
    guide = GUIDE.read_text()

    assert "ClientHello" in guide
    assert redrawn(guide) == guide, "python -m tests.support.project.ladder_guide"
