"""Embedding models: the contract, and one module for each library that keeps it.

Adding one: write a module with a class that satisfies `contract.Backend`, construct it in
`app.py`, list the model in the catalog file, and add it to
`tests/unit/embedder/test_embedder_backends.py`.
"""
