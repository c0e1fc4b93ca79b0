"""What was done, by whom: the hash-chained log."""
