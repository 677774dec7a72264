"""The way of `/v1/chat/completions`, `/v1/completions` and `/v1/embeddings`, first byte to last.

lane.py        the door: what is the lane's and what is the ordinary API's
protocol.py    a client's connection (patience.py: its deadlines; refused.py: what is not taken)
inbound.py     one request on it and the way back (head.py, heads.py: heads read and written)
worker.py      the task that serves a connection's requests
exchange.py    one request: the order of its steps, and how it ends (rooms.py: what they need)
request.py     reads a body, by the table in parameters.py (quick.py: the plain ones; checks.py,
               messages.py: the words), fit.py: whether the model can
routes.py      aliases, shares and fallbacks
dispatch.py    finds a replica and an answer (budget.py, refusal.py, salt.py)
relay.py       passes the answer on (sse.py looks into a stream, names.py puts the client's name in)
record.py      what is noted at the end, in metrics.py and the ledger
handover.py    what the lane has read and the ordinary API answers
drain.py       requests under way, and the end of them
"""
