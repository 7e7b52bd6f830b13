"""Measurements that the documentation quotes: each module is a command, run from the root of the repository."""
