"""Operators that keep one of several records that are alike."""
