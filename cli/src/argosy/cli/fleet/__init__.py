"""The fleet: the processes of one home on one machine, started, watched and stopped together."""
