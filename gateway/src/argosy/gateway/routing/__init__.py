"""Which replica serves a request: filter, score, pick. Pure: no clock, no I/O, no engines.

One policy a file. To add one: write the file with one class behind the protocol in `policy.py`,
test it alone, and name it in the composition root.
"""
