"""Checks from inside a pod whether each server that it depends on can be used: `python -m common.doctor`.

Each service has a module `doctor` with a function `checks()` that lists its own dependencies.
"""
