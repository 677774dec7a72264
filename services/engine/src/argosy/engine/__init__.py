"""An engine that loads anything transformers can run, and what was made of it, by name.

One process, OpenAI's shapes, vLLM's calls to load and unload. It starts with nothing loaded and
without torch; `compute` is the only room that knows it. Knows no other part of Argosy.
"""
