"""The gateway alone: one file says which pools, models and keys there are; nothing else is needed.

judge.py       a process of its own that judges the file and ends (config.py is the file's form,
               feed.py makes it entries of the catalogue)
judged.py      what that process tells a worker
app.py         one worker's composition root
workers.py     several workers on one port
exposition.py  their metrics as one
"""
