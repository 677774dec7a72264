"""Bytes on disk: a contract and its implementation in a folder."""
