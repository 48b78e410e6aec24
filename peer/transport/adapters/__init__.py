"""Adapters to aiortc, aioice and pylibsrtp: every private name of these libraries that we touch.

They are the ground floor of `peer.transport`; nothing here imports what stands above. The names are
pinned by version (`pyproject.toml`) and by `tests/unit/transport/adapters/`.
"""
