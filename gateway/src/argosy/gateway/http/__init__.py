"""The ordinary API: one Litestar controller a resource, handlers short.

Translates OpenAI's JSON, forms and queries into calls of `upstream` and back. Knows shapes. Does
not know where a thing is stored, whether it exists, or how a chat reaches its engine (`lane`).
"""
