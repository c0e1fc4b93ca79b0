"""What a person started and wants to watch: rows, kinds, and the worker that runs them."""
