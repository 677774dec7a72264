"""The only code that speaks to engines: connections, dialects, health, ejection, gauges.

Knows HTTP and replicas. Does not know clients, keys or projects.
"""
