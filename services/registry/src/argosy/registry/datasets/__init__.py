"""Data sets: what tuning learns from. Records in versions, imported, cleaned, annotated, published.

`sets.py`, `tasks.py` and `formats/` decide · `usecases/` sequence · `store/` is the only SQL ·
`supervisor.py` starts a child for each long task, `worker/` is that child · `operators/` are pure
functions on records.
"""
