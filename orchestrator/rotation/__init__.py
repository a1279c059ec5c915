"""Replacing our key on a whole fleet, so that nobody is ever locked out."""

from orchestrator.rotation.ledger import Ledger, Stage, Standing
from orchestrator.rotation.model import Outcome, Step
from orchestrator.rotation.rotate import Rotation

__all__ = ["Ledger", "Outcome", "Rotation", "Stage", "Standing", "Step"]
