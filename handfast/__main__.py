"""Entry point of the command `handfast`, and of `python -m handfast`."""

from __future__ import annotations

import sys

from rich.console import Console

from handfast.doctor.names import hidden_packages
from handfast.doctor.report import as_json, as_table


def main() -> None:
    """Run the command line, unless another program's module hides a package of ours.

    What is hidden cannot be imported, so that every command would end in a traceback far from the
    cause.
    """
    hidden = hidden_packages()
    if hidden:
        if "--json" in sys.argv:
            sys.stdout.write(f"{as_json(hidden)}\n")
        else:
            Console(stderr=True, highlight=False).print(as_table(hidden), soft_wrap=True)
        sys.exit(1)
    from handfast.cli import app

    app()


if __name__ == "__main__":
    main()
