"""Operators that put marks in the place of what tells of a person."""
