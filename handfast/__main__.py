"""Entry point of `python -m handfast`, which is the command `handfast`."""

from handfast.cli import app

app()
