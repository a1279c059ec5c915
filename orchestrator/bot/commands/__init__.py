"""The chat commands, one module a family."""
