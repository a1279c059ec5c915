"""Metrics of hosts: scraped through their SSH connections, kept by Prometheus, read and drawn."""
