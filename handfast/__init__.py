"""The program handfast, made of a demo, a recorder, a player and a trace viewer on `peer`."""
