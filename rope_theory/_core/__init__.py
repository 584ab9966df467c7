"""Plumbing that every part of the package stands on; none of it is public."""
