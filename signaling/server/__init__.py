"""A room server for docs/SIGNALING.md as an ASGI app."""

from signaling.server.access import Authorize, JoinRequest, Refusal, Rights
from signaling.server.app import create_app
from signaling.server.backplane import Backplane, InProcessBackplane
from signaling.server.jwt_tokens import JwtAuthorizer, TokenAlgorithm
from signaling.server.limits import Limits
from signaling.server.redis_backplane import RedisBackplane
from signaling.server.turn import TurnSecret

__all__ = [
    "Authorize",
    "Backplane",
    "InProcessBackplane",
    "JoinRequest",
    "JwtAuthorizer",
    "Limits",
    "RedisBackplane",
    "Refusal",
    "Rights",
    "TokenAlgorithm",
    "TurnSecret",
    "create_app",
]
