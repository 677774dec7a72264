"""Operators that drop records by a number of their text."""
