"""A WebRTC peer connection."""
