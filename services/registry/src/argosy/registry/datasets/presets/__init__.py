"""Preset data sets: small ones in Chinese and English, written by this project, under its license.

They are made by seeded rules: to try things out, to mix in, to compare models by. No text in them
is anybody else's.
"""
