"""Scripts that other people's TWS clients run against the practice gateway."""
