"""A client's connection. Knows HTTP/1.1; does not know what is asked.

protocol.py    what the client's bytes are (patience.py: its deadlines; refused.py: what is refused)
inbound.py     one request on it and the way back (head.py, heads.py: heads read and written)
worker.py      serves a connection's requests, one after the other
handover.py    what the lane has read and the ordinary API answers
"""
