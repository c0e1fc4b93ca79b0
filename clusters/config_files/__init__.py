"""Configuration files: a whole cluster, or one machine flattened, as XML (LOAD-01..LOAD-11)."""
