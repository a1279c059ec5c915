"""Which boot of each host its sessions belong to. Inside a transaction."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Boot:
    """What tells one boot of a host from another, whatever its clock says: the kernel's random `kernel` id
    (random(4), ``boot_id``), which is the machine's in a container, and the start of process 1 in the kernel's `ticks`
    (proc_pid_stat(5), field 22), which is not. What cannot be read is ``""``. `up` is since when, by its clock.
    """

    kernel: str = ""
    ticks: str = ""
    up: float | None = None

    def differs(self, other: Boot) -> bool:
        """Whether something that both know is not the same."""
        pairs = ((self.kernel, other.kernel), (self.ticks, other.ticks))
        return any(mine and its and mine != its for mine, its in pairs)


@dataclass(frozen=True, slots=True)
class Ended:
    """Which sessions ended with an earlier boot: those up to the id `last`, and those put down since then that began
    before the next one was `up`."""

    last: int
    up: float | None


class LoginBootTable:
    """The table of them, which also keeps what is still to be ended."""

    @staticmethod
    def put(tx: Transaction, host: str, boot: Boot) -> None:
        """A host said which boot it is, before anything is read of it that was written since."""
        last = tx.execute("SELECT coalesce(max(id), 0) AS id FROM login_sessions WHERE host = ?", (host,)).fetchone()
        if not (boot.kernel or boot.ticks):  # it may be another, to which belongs what is read from here on
            tx.execute("UPDATE login_boots SET sure = coalesce(sure, ?) WHERE host = ?", (last["id"], host))
            return
        row = tx.execute("SELECT * FROM login_boots WHERE host = ?", (host,)).fetchone()
        before = Boot(row["kernel"], row["ticks"]) if row else Boot()
        ended, up = (row["ended"], row["up"]) if row else (None, None)
        if boot.differs(before):
            ended, up = last["id"] if row["sure"] is None else row["sure"], boot.up
        tx.execute(
            "INSERT OR REPLACE INTO login_boots (host, kernel, ticks, sure, ended, up) VALUES (?, ?, ?, NULL, ?, ?)",
            (host, boot.kernel or before.kernel, boot.ticks or before.ticks, ended, up),
        )

    @staticmethod
    def ended(tx: Transaction, host: str) -> Ended | None:
        """What is to be ended, if there is anything."""
        row = tx.execute("SELECT ended, up FROM login_boots WHERE host = ? AND ended NOTNULL", (host,)).fetchone()
        return Ended(row["ended"], row["up"]) if row else None

    @staticmethod
    def settle(tx: Transaction, host: str) -> None:
        """That was done."""
        tx.execute("UPDATE login_boots SET ended = NULL, up = NULL WHERE host = ?", (host,))
