"""What a program takes out of a call: pictures and sound as arrays."""
