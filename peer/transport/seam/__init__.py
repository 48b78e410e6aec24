"""Owns every private name of aiortc and aioice; an upgrade of either fails here first.

The names are pinned by version (`pyproject.toml`) and by `tests/unit/transport/test_seam*.py`.
"""
