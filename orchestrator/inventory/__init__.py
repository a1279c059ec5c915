"""Hosts, groups and patterns: what is true, as people wrote it."""
