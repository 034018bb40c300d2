"""Sources of real images, and the shifts that out-of-distribution sets apply to them."""
