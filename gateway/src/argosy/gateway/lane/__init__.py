"""The way of `/v1/chat/completions` and `/v1/completions`: raw ASGI, first byte to last.

lane.py        takes the request or hands it on
exchange.py    one request: the order of its steps, and how it ends
body.py        reads its bytes
request.py     parses them, by the table in parameters.py (checks.py, messages.py)
dispatch.py    finds a replica and an answer (budget.py, refusal.py)
relay.py       passes the answer on (sse.py looks into a stream)
drain.py       requests under way, and the end of them
metrics.py     what is counted
"""
