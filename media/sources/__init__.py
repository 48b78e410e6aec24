"""Sources that a program plays into a call: files, devices, and its own video and audio."""
