"""The time after which a test that hangs is given up."""

#: Seconds; ours. Ends a test that hangs and judges nothing: an idle machine needs a tenth of it.
DEADLINE = 60.0
