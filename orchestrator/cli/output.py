"""What the verbs print: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from orchestrator.control import ClosePort
from orchestrator.fleet import (
    CloseOutcome,
    CloseState,
    Inspection,
    Ownership,
    Port,
    PortsAnswer,
    Report,
    Target,
    clean,
    clean_line,
)
from orchestrator.inventory import fold
from orchestrator.ssh import Result, Status

_KEYS = (Status.HOST_KEY_UNKNOWN, Status.HOST_KEY_CHANGED)
_MARKS = {Status.OK: "✔", Status.FAILED: "✖"}  # of others only a part of the output came


def note(line: str) -> None:
    """Say something beside the results."""
    sys.stdout.flush()  # in a shared terminal or log, in the order said
    print(line, file=sys.stderr)


def reason(detail: str) -> str:
    """Why something did not work, in words that may be a host's: safe, and on one line."""
    return clean_line(detail, 1000)


def print_json(document: Any) -> None:
    """One JSON document, and nothing else, on standard output.

    In plain ASCII where that must be: a terminal may take U+009B for the start of an escape sequence, and text from a
    host may not fit into another encoding.
    """
    as_text = sys.stdout.encoding.lower() == "utf-8" and not sys.stdout.isatty()
    json.dump(document, sys.stdout, ensure_ascii=not as_text, indent=2)
    sys.stdout.write("\n")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Left-aligned columns, as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_report(report: Report) -> None:
    """Outputs, identical ones once under the folded names of their hosts, then the counts with every problem named."""
    alone = len(report.results) == 1
    for group in report.groups:
        sample = group.sample
        if not sample.status.answered and not sample.stdout and not sample.stderr:
            continue
        if not alone:
            mark = _MARKS.get(sample.status, "⚠")
            exit_code = f" exit {sample.exit_code}" if sample.exit_code else ""
            print(f"── {mark} {group.folded} ({len(group.hosts)}){exit_code}")
        _write(sample.stdout, sys.stdout, as_is=alone)
        _write(sample.stderr, sys.stderr, as_is=alone)
    sys.stdout.flush()
    for group in report.groups:
        if problem := _problem(group.sample):
            note(f"{group.folded}: {problem}")
        if group.sample.truncated:
            sent = group.sample.stdout_size + group.sample.stderr_size
            note(f"{group.folded}: output cut, {sent:,} bytes were sent; only its beginning and end are shown")
    if not alone:
        note(_counts(report))


def print_ports(answers: Sequence[PortsAnswer]) -> None:
    """A table of sockets, and why a host gave none."""
    rows = [(answer.host, *_port_row(port)) for answer in answers for port in answer.ports]
    if rows:
        print_table([("HOST", "PROTO", "ADDRESS", "PORT", "PID", "PROCESS", "UNIT"), *rows])
    sys.stdout.flush()
    for answer in answers:
        if answer.status is not Status.OK:
            note(f"{answer.host}: {unreached(answer.host, answer.status, answer.detail)}")
        if answer.more:
            note(f"{answer.host}: {answer.more} more sockets are left out")
    hidden = [answer.host for answer in answers if answer.hidden]
    if hidden:
        note(f"{', '.join(hidden)}: some owners are hidden without root; `become: true` in the inventory shows them")


def print_targets(inspection: Inspection, targets: Sequence[Target]) -> None:
    """What closing a port would end, and what would come of it."""
    for target in targets:
        process, unit = target.process, target.unit
        who = f"pid {process.pid}, {process.user}, since {process.started.astimezone():%F %T %z}"
        note(f"{inspection.host}: {target.protocol} {target.port} is held by {process.command or process.name} ({who})")
        if unit and unit.restarts_after_term:
            note(f"{inspection.host}: {unit.name} has Restart={unit.restart}: systemd will start it again")
    for activator in inspection.activators:
        note(f"{inspection.host}: {activator} will start it again at the next connection")
    if inspection.connections:
        note(f"{inspection.host}: {inspection.connections} open connections will be cut")


def print_closing(outcome: CloseOutcome, action: ClosePort) -> None:
    """What came of closing a port."""
    what = f"{action.host.name}: {action.protocol} {action.port}"
    detail = f": {reason(outcome.detail)}" if outcome.detail else ""
    if outcome.state is CloseState.CLOSED:
        note(f"{what} is free ({outcome.duration:.1f} s){detail}")
    else:
        note(f"{what} was not closed ({outcome.state.replace('_', ' ')}){detail}")


def _port_row(port: Port) -> tuple[str, ...]:
    first = port.processes[0] if port.processes else None
    unseen = {Ownership.HIDDEN: "(hidden)", Ownership.NONE: "(kernel)"}.get(port.ownership, "")
    name, unit = (first.name, first.container or first.unit) if first else (unseen, "")
    more = f" +{len(port.processes) - 1}" if len(port.processes) > 1 else ""
    return port.protocol, port.address, str(port.port), str(first.pid) if first else "-", f"{name}{more}", unit or "-"


def unreached(host: str, status: Status, detail: str) -> str:
    """Why a host gave no answer, and what to do where a person can do something."""
    name, why = status.replace("_", " "), reason(detail)
    remedy = f". To look at it: orchestrator keys trust {host}" if status in _KEYS else ""
    return f"{why if why.startswith(name) else f'{name}: {why}'}{remedy}"


def plural(count: int, thing: str) -> str:
    """``1 host``, ``2 hosts``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _problem(result: Result) -> str:
    detail = reason(result.detail)
    if result.status is Status.OK:
        return detail
    if result.status is Status.FAILED:
        return ", ".join(filter(None, [f"exit status {result.exit_code}", detail]))
    alive = "; it may still be running there" if result.may_be_alive and "still" not in detail else ""
    return f"{unreached(result.host, result.status, detail)}{alive}"


def _counts(report: Report) -> str:
    parts = []
    for status, hosts in report.hosts.items():
        named = "" if status is Status.OK else f" ({fold(hosts)})"
        parts.append(f"{len(hosts)} {status.replace('_', ' ')}{named}")
    return ", ".join(parts)


def _write(output: bytes, stream: TextIO, *, as_is: bool) -> None:
    """Bytes as they came into a pipe or file; on a terminal without what could take it over.

    Unless `as_is`, other hosts' outputs follow, so this one ends with its line.
    """
    if not output:
        return
    stream.flush()
    if stream.isatty():
        text = clean(output.decode("utf-8", "replace"))
        stream.write(text if text.endswith("\n") else text + "\n")
    else:
        stream.buffer.write(output if as_is or output.endswith(b"\n") else output + b"\n")
    stream.flush()
