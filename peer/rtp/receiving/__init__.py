"""The pure core of a receiver: packets and times in, frames and RTCP feedback out."""
