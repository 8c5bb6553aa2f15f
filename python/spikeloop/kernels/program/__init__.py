"""Step programs: elementwise functions of a population, traced and lowered to what native code runs."""
