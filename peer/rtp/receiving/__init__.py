"""The receiving core of one RTP receiver. PURE: packets and times in, frames and RTCP out."""
