"""A small fleet of real SSH hosts on this machine, to try everything without an account and without root."""

from orchestrator.demo.fleet import DemoFleet, demo_fleet
from orchestrator.demo.processes import DemoError

__all__ = ["DemoError", "DemoFleet", "demo_fleet"]
