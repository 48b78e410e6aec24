from __future__ import annotations

import resource

import pytest

from handfast.open_files import allow_open_files

_UNLIMITED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "wanted", "set_to", "warned"),
    [
        ((1024, 20_000), 3000, [(3000, 20_000)], False),
        ((1024, _UNLIMITED), 3000, [(3000, _UNLIMITED)], False),
        ((1024, 2048), 3000, [(2048, 2048)], True),
        ((4096, 20_000), 3000, [], False),
        ((_UNLIMITED, _UNLIMITED), 3000, [], False),
    ],
    ids=["raised", "without a bound", "not enough", "enough", "no bound at all"],
)
def test_a_program_raises_its_own_limit_of_open_files_as_far_as_it_may(
    limits: tuple[int, int],
    wanted: int,
    set_to: list[tuple[int, int]],
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, value: calls.append(value))
    allow_open_files(wanted)
    assert calls == set_to
    assert ("LimitNOFILE" in caplog.text) == warned
