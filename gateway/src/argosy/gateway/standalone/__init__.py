"""The gateway alone: one file says which pools, models and keys there are; nothing else is needed.

config.py      the file, judged
feed.py        the file as entries of the catalogue
app.py         one worker's composition root
workers.py     several workers on one port
exposition.py  their metrics as one
"""
