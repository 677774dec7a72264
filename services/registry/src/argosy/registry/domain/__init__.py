"""Rules of what exists, pure: standard library only, no I/O, no clock."""
