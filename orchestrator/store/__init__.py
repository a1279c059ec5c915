"""What is remembered: one SQLite file, one module a table."""

from orchestrator.store.audit import AuditLog, AuditRow, Entry
from orchestrator.store.buttons import ButtonRow, Buttons, Press
from orchestrator.store.database import Database
from orchestrator.store.dialogues import Dialogue, Dialogues, Place
from orchestrator.store.inbox import Inbox
from orchestrator.store.outbox import Backlog, Letter, Outbox
from orchestrator.store.preferences import Preferences

__all__ = [
    "AuditLog",
    "AuditRow",
    "Backlog",
    "ButtonRow",
    "Buttons",
    "Database",
    "Dialogue",
    "Dialogues",
    "Entry",
    "Inbox",
    "Letter",
    "Outbox",
    "Place",
    "Preferences",
    "Press",
]
