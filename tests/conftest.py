"""Settings of all tests."""

from hypothesis import settings

# Examples are the same on every run, and a slow machine is no failure.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")
