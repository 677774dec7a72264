"""The way of chats, completions, embeddings and rewards through the gateway, first byte to last.

lane.py        the door: what is the lane's and what is the ordinary API's
connection/    a client's connection: its requests read, its answers written
exchange.py    one request: the order of its steps, and how it ends (rooms.py: what they need)
request/       what is asked, and whether it may be
dispatch/      which model, which replica, which try
answer/        the engine's answer on its way to the client
record.py      what is noted at the end, in metrics.py and the ledger
turn.py        which requests begin now, where many come at once
drain.py       requests under way, and the end of them
"""
