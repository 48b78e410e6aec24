"""A room server for docs/SIGNALING.md as an ASGI app."""

from signaling.server.app import create_app
from signaling.server.limits import Limits
from signaling.server.turn import TurnSecret

__all__ = ["Limits", "TurnSecret", "create_app"]
