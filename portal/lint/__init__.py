"""Advice on a cluster, with what the portal alone knows of it."""
