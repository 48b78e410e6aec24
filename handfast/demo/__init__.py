"""The demo serves a page and a room, in which a Python peer answers each page that calls."""

from handfast.demo.server import Demo, DemoError, DemoOptions, open_demo

__all__ = ["Demo", "DemoError", "DemoOptions", "open_demo"]
