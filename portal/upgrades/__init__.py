"""Upgrades of a cluster as a run-book, and the releases there are."""
