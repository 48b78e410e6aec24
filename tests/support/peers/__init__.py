"""Third-party peers (browsers, libwebrtc, Pion, GStreamer, ...) and sessions with them."""
