"""Booted Debian hosts on one machine, each in its own network namespace, with faults to order."""

from tests.lab.command import LabError
from tests.lab.host import LabHost
from tests.lab.lab import Lab

__all__ = ["Lab", "LabError", "LabHost"]
