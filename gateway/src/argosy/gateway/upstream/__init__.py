"""gRPC clients of the services, one file a service, and the watch that feeds the snapshot.

Knows calls, deadlines and projects. Does not know HTTP. What a service refuses comes back as the
same `ApiError`; a service that does not answer as `Unavailable`.
"""
