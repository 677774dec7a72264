"""The public face of Argosy. Modules that were compiled are taken in place of their sources."""

from argosy.gateway import compiled

compiled.use()
