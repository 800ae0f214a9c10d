"""Industry-education integration in vocational colleges: a reproducible mixed-methods policy study."""
