"""An engine's answer on its way to the client. Does not know how it was found.

answer.py      what has begun, and what must be given back
relay.py       passes it on (sse.py looks into a stream, likeness.py tells a chunk like the last one
               by its bytes, names.py puts the client's name in)
"""
