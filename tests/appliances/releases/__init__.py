"""Releases as files, their sources, and the shelf of a machine."""
