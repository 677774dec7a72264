"""Operators that change texts and keep what they mean."""
