"""Brings the system onto a Kubernetes cluster and away again; needs nothing but Python's standard library."""
