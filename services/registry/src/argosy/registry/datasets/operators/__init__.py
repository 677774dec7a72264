"""What is done to records: pure functions on streams of them, one small file a policy.

A record is a dict in one of the forms of `argosy.api.records`. Operators take iterators of records
and return iterators and reports; they know no database, no file and no task. What takes parameters
checks them when it is built and raises RuleBroken, naming the range.
"""
