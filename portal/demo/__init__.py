"""What `make run` shows: two tenants, three clusters, eight machines, and mail that flows through them."""
