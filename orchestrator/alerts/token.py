"""What Alertmanager proves itself with: a random word in a file that only we, and it, can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from orchestrator.errors import SettingsError
from orchestrator.permissions import refuse_if_others_can_read

NAME = "alerts-token"


def webhook_token(path: Path) -> str:
    """The token in a file, which is made (0600) if it is not there.

    Raises SettingsError when others can read it, or it cannot be read or is empty.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = path.with_name(f".{path.name}.{os.getpid()}")
        if not path.exists():
            # Linked, not renamed: of two processes that make one at once, the second keeps the first one's.
            new.touch(0o600)
            new.write_text(secrets.token_urlsafe(32) + "\n", encoding="ascii")
            try:
                os.link(new, path)
            except FileExistsError:
                pass
            finally:
                new.unlink()
        refuse_if_others_can_read(path)
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot be used: {error}", where=str(path)) from None
    if not token:
        raise SettingsError("is empty", where=str(path), remedy="Remove it to have it made anew")
    return token
