"""Where records come from, and how files of each type are read: a row at a time, in bounded memory.

Every byte here is from outside. `fetch.py` brings a source to a file of ours; the other modules
read such a file as rows with line numbers, or say why not.
"""
