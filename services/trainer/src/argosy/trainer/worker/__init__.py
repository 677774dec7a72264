"""The trainer's child: reads one spec, trains, writes checkpoints, reports on stdout.

The only place where torch lives. It knows one run directory and the models and files that its spec
names; it knows nothing of jobs in a database, of the registry or of the network. It runs in the ML
environment, so it imports the standard library and the torch stack only. `python -m
argosy.trainer.worker RUN_DIR` starts it.
"""
