"""The way of RTP and RTCP between one transport and who receives and sends by it."""
