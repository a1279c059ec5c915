"""The verb about who came in: logins."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from orchestrator.cli.session import home_of
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.logins import LoginEvent

_LONGEST = 1 << 20
"""Bytes of a line: what a journal's entry may have. The rest of a longer one is left out."""


def logins(
    context: typer.Context,
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="Of which hosts.")] = "all",
    since: Annotated[str, typer.Option(metavar="DURATION", help="Only what was so long ago at most: 2h, 1d.")] = "",
    user: Annotated[str, typer.Option(metavar="USER", help="Only of that user.")] = "",
    address: Annotated[str, typer.Option(metavar="ADDRESS", help="Only from there.")] = "",
    kind: Annotated[list[str] | None, typer.Option(metavar="KIND", help="Only login, failed, sudo ...")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="The newest so many.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until Ctrl-C.")] = False,
    parse: Annotated[
        str,
        typer.Option("--parse", metavar="FILE|-", help="Read lines of a log, or of `journalctl -o json`, instead."),
    ] = "",
    host: Annotated[str, typer.Option(metavar="NAME", help="With --parse, whose log it is [as its lines say].")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE", help="Draw logins and failures of the last day instead.")
    ] = None,
    days: Annotated[int, typer.Option(metavar="DAYS", help="With --png: 1, 7 or 30, with --week 28 or 84.")] = 0,
    week: Annotated[bool, typer.Option("--week", help="With --png: at which hours of which weekdays.")] = False,
) -> int:
    """Show who came in and who tried. From what `serve` read in the hosts' logs, or from lines of one."""
    show = _print_json if as_json else _Table().show
    if png is not None:
        from orchestrator.cli.loginlog import draw

        others = {
            "--since": since,
            "--user": user,
            "--address": address,
            "--kind": kind,
            "--follow": follow,
            "--parse": parse,
            "--host": host,
            "--json": as_json,
        }
        if other := next((name for name, given in others.items() if given), ""):
            raise UsageError(f"--png and {other} do not go together", remedy="The picture is of all logins")
        return draw(home_of(context), pattern, png, days=days, week=week)
    if days or week:
        raise UsageError("--days and --week are of a picture", remedy="Say --png FILE, too")
    if parse:
        for event in _events(parse, host):
            show(event.to_json())
        return 0
    from orchestrator.alerts.times import duration
    from orchestrator.cli.loginlog import tell
    from orchestrator.logins import Kind
    from orchestrator.store.logins import Query

    kinds = tuple(kind or ())
    if strange := set(kinds).difference(Kind):
        raise UsageError(f"--kind {min(strange)}: there is none", remedy=f"Say one of {', '.join(Kind)}")
    begin = time.time() - duration(since) if since else None
    query = Query(since=begin, user=user, address=address, kinds=kinds, limit=limit)
    return tell(home_of(context), pattern, query, show, follow=follow)


def _events(name: str, host: str) -> Iterator[LoginEvent]:
    """What a file's lines say; a year that they leave out is that of the file, a zone is this machine's."""
    from orchestrator.logins.journal import parse_journal
    from orchestrator.logins.parse import parse_line

    if name == "-":
        file, written, source = sys.stdin.buffer, time.time(), "-"
    else:
        path = Path(name)
        file, written, source = path.open("rb"), path.stat().st_mtime, path.name
    with file:
        for line in _lines(file):
            if line.startswith(b"{"):
                event = parse_journal(line, host=host)
            else:
                event = parse_line(line, host=host, source=source, now=written, zone=None)
            if event is not None:
                yield event


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(_LONGEST):
        yield line
        while line and not line.endswith(b"\n"):
            line = file.readline(_LONGEST)


def _print_json(event: Mapping[str, Any]) -> None:
    # Plain ASCII: what a terminal could take for the start of an escape sequence is beyond it
    sys.stdout.write(f"{json.dumps(event)}\n")
    sys.stdout.flush()


class _Table:
    """Rows under one heading, of a width that is known beforehand."""

    _ROW = "{:19}  {:12}  {:14}  {:16}  {:24}  {}"

    def __init__(self) -> None:
        self._begun = False

    def show(self, event: Mapping[str, Any]) -> None:
        """Print an event, as `LoginEvent.to_json` gives it."""
        if not self._begun:
            print(self._ROW.format("TIME", "HOST", "KIND", "USER", "ADDRESS", "HOW"))
            self._begun = True
        when = datetime.fromisoformat(event["time"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        refused = "refused" if event["ok"] is False and event["kind"] in ("sudo", "su") else ""
        times = f"({event['count']} times)" if event["count"] > 1 else ""
        target = f"to {event['target']}" if event["target"] else ""
        clock = f"(its clock said {event['stamp'][:19]}Z)" if event.get("stamp") else ""
        how = " ".join(filter(None, (event["method"], target, refused, event["detail"], event["key"], times, clock)))
        address = f"{event['address']} {event['port']}" if event["port"] else event["address"]
        row = self._ROW.format(when, event["host"], event["kind"], event["user"], address, how)
        print(row.rstrip(), flush=True)
