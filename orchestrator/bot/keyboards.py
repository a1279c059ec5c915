"""The reply keyboard: the everyday commands as keys, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.bot.language import LANGUAGES, N_, Catalogues

# Rows of the old system's keyboard, without what had to be typed after the command: that is asked for.
KEYS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("agents", N_("🖥 Hosts")), ("broadcast", N_("📢 Broadcast"))),
    (("op_exec", N_("▶ Run")), ("op_port", N_("🔌 Ports")), ("op_stop", N_("✖ Close port"))),
    (("mon_cpu", N_("📈 CPU")), ("mon_mem", N_("📈 Memory")), ("mon_disk", N_("📈 Disk"))),
    (("top", N_("⚙ Top")), ("who", N_("👤 Who is on")), ("logins", N_("🔑 Logins"))),
    (("play", N_("📜 Playbooks")), ("status", N_("🩺 Status"))),
    (("language", N_("🌐 Language")), ("help", N_("❔ Help")), ("more_info_github", N_("ℹ About"))),
)


class Keyboard:
    """Labels of the keys, and what they mean."""

    def __init__(self, catalogues: Catalogues) -> None:
        self._catalogues = catalogues
        self._commands: Mapping[str, str] = {
            catalogues.gettext(language, label): command
            for language in LANGUAGES
            for row in KEYS
            for command, label in row
        }

    def rows(self, language: str) -> tuple[tuple[str, ...], ...]:
        """The labels, row by row."""
        return tuple(tuple(self._catalogues.gettext(language, label) for _, label in row) for row in KEYS)

    def command_of(self, text: str) -> str | None:
        """The command a label stands for, in whatever language it was put up; None for any other text."""
        return self._commands.get(text.strip())
