"""Alerts: received from Alertmanager, kept as incidents, told once, silenced."""
