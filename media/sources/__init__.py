"""What a program plays into a call: files, devices, pictures and sound that it makes itself."""
