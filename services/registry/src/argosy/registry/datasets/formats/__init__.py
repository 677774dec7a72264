"""Forms in which records come in and go out, each side of the one internal form.

The internal form is `argosy.api.records`; `read.py` brings a line of any form to it, `write.py`
brings it to the form that is asked for. Knows values, not files: `sources/` reads those.
"""
