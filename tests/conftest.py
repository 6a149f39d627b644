"""What holds for every test."""

from hypothesis import HealthCheck, settings

settings.register_profile("house", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
# On a loaded machine examples are slow to make, which says nothing about what is tested.
