"""What all tests share."""

from hypothesis import HealthCheck, settings

# A busy machine must not fail a law: time is bounded for each test as a whole.
settings.register_profile("gatefold", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gatefold")
