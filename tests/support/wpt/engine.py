"""JavaScript in a process of Node, in lockstep with Python: while one of them runs the other waits.

So a handler in JavaScript sees the states that a handler in Python would see, and nothing happens
between an event and its handler.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

_PROGRAM = Path(__file__).with_name("engine.js")


class EngineLostError(Exception):
    """Node has ended, or does not give the turn back."""


class JavaScript:
    """One JavaScript context, in a process of its own.

    Args:
        answer: Answers a question of JavaScript; both are JSON.
        limit: Seconds that JavaScript may run without an answer or an end.
    """

    def __init__(self, answer: Callable[[str], str], *, limit: float) -> None:
        self._answer = answer
        self._limit = limit
        self._node = subprocess.Popen(
            ["node", "--stack-size=4000", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._received = b""
        #: True while JavaScript has the turn.
        self.running = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._node.kill()
        self._node.wait()
        for pipe in (self._node.stdin, self._node.stdout):
            if pipe is not None:
                pipe.close()

    def run(self, script: str, name: str) -> str | None:
        """Run a script, and return what it has thrown."""
        return self._turn({"script": script, "name": name})

    def deliver(self, message: object) -> str | None:
        """Give a message to the function `deliver` of the page, and return what that has thrown."""
        return self._turn({"message": json.dumps(message)})

    def _turn(self, command: dict[str, str]) -> str | None:
        self.running = True
        try:
            self._write(json.dumps(command))
            while True:
                message = json.loads(self._read())
                if "done" in message:
                    error: str | None = message["error"]
                    return error
                self._write(self._answer(message["ask"]))
        finally:
            self.running = False

    def _write(self, line: str) -> None:
        if self._node.stdin is None:
            raise AssertionError("the process has a pipe")
        try:
            self._node.stdin.write(line.encode() + b"\n")
            self._node.stdin.flush()
        except BrokenPipeError:
            raise EngineLostError("Node has ended") from None

    def _read(self) -> bytes:
        if self._node.stdout is None:
            raise AssertionError("the process has a pipe")
        deadline = time.monotonic() + self._limit
        pipe = self._node.stdout.fileno()
        while b"\n" not in self._received:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise EngineLostError(f"JavaScript runs for more than {self._limit} s")
            octets = os.read(pipe, 1 << 20)
            if not octets:
                raise EngineLostError("Node has ended")
            self._received += octets
        line, _, self._received = self._received.partition(b"\n")
        return line
