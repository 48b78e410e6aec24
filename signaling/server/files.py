"""A file of a site, sent once: who has it already is told that it is the same (RFC 9110 13.1.2)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import FileResponse
from starlette.staticfiles import NotModifiedResponse, StaticFiles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response


async def file_response(
    request: Request,
    path: Path,
    *,
    media_type: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Create the answer to a request for one file: the file, or 304 where the asker has it.

    `StaticFiles` of Starlette does so for folders; its `FileResponse` alone sends the file always.

    Args:
        request: With the `If-None-Match` or `If-Modified-Since` of a cache.
        path: The file.
        media_type: Its type, where the suffix does not tell.
        headers: Further headers of the answer.
    """
    stat_result = await asyncio.to_thread(path.stat)
    response = FileResponse(path, media_type=media_type, headers=headers, stat_result=stat_result)
    if not StaticFiles().is_not_modified(response.headers, request.headers):
        return response
    unchanged = NotModifiedResponse(response.headers)
    # A page of another origin reads what it has only where this answer lets it, too.
    unchanged.headers.update(headers or {})
    return unchanged
