"""A room server for docs/SIGNALING.md as an ASGI app."""

from signaling.server.app import create_app
from signaling.server.limits import Limits

__all__ = ["Limits", "create_app"]
