"""Runs the W3C's web-platform-tests of WebRTC on handfast: `python -m tests.support.wpt FOLDER`."""
