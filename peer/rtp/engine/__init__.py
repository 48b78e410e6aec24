"""The RTP engine carries RTP and RTCP between one transport and its receivers and senders."""
