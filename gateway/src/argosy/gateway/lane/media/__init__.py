"""Images and audio in messages.

parts.py   where a message may hold them, in which form, and what they are
door.py    whether a model and this server take them
fetch.py   those that a URL names, brought here under the operator's rules
"""
