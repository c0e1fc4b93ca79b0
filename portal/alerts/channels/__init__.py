"""Ways to tell people: one module each, all with the base of `base`."""
