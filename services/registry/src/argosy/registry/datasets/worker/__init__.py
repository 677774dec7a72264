"""The child that does one data task and ends.

It reads its sources into files of its own, works on those in bounded memory, and lands its result
in one transaction with the task's success: killed at any moment, it leaves nothing half done.
"""
