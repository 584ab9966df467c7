"""Scripts for text, benchmarks and models that a user has; they reproduce nothing that is committed."""
