"""Shell functions about accounts: looking them up, and their home folders and variables in what an operator wrote."""

from __future__ import annotations

from orchestrator.playbook.modules.library import library

ACCOUNTS = library("accounts")
EXPAND = library("expand", ACCOUNTS)
