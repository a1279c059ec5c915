"""Replacing our key on a whole fleet, so that nobody is ever locked out."""

from orchestrator.rotation.ledger import Ledger, Stage, Standing
from orchestrator.rotation.rotate import Outcome, Rotation, Step

__all__ = ["Ledger", "Outcome", "Rotation", "Stage", "Standing", "Step"]
