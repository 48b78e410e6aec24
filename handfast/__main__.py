"""`python -m handfast` is the command `handfast`."""

from handfast.cli import app

app()
