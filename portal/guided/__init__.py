"""Guided administration: the same commands as `clusterconfig`, shown and then run (design, section 13)."""
