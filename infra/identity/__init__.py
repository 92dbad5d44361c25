"""Who is it that asks, and who says so? One interface, and the providers behind it."""
