"""What is remembered: one SQLite file, one module a table."""

from orchestrator.store.alerts import AlertRow, AlertTables, IncidentRow
from orchestrator.store.audit import AuditLog, AuditRow, Entry
from orchestrator.store.buttons import ButtonRow, Buttons, Press
from orchestrator.store.database import Database, Transaction
from orchestrator.store.dialogues import Dialogue, Dialogues, Place
from orchestrator.store.inbox import Inbox
from orchestrator.store.logins import LoginLog, StoredEvent
from orchestrator.store.outbox import Backlog, Letter, Outbox, Priority
from orchestrator.store.preferences import Preferences

__all__ = [
    "AlertRow",
    "AlertTables",
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
    "IncidentRow",
    "Letter",
    "LoginLog",
    "Outbox",
    "Place",
    "Preferences",
    "Press",
    "Priority",
    "StoredEvent",
    "Transaction",
]
