"""Outcomes into messages: pure functions from values and a locale to HTML and buttons."""
