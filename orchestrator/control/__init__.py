"""The one door: who may do what, and the evidence of it."""
