"""Destinations of recordings are file-like objects, URLs, and callbacks that upload."""
