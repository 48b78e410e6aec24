"""The demo: a page, a room server, and a Python peer that answers everybody who opens the page."""

from handfast.demo.server import Demo, DemoError, DemoOptions, open_demo

__all__ = ["Demo", "DemoError", "DemoOptions", "open_demo"]
