"""Reading answers: recorded ones give what stands beside them, and no other bytes give anything but the one error."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.fleet import CloseState, Fleet, Process, Target
from orchestrator.fleet.hostctl import ANSWER_BYTES, Frame, UnreadableAnswer, read_frame
from orchestrator.fleet.ports import PortsAnswer, read_more, read_ports
from orchestrator.fleet.verdict import read_close, read_inspection, read_unit_stop
from orchestrator.fleet.vitals import read_vitals
from orchestrator.inventory.model import Host
from orchestrator.ssh.result import Command, Result, Status

DATA = Path(__file__).parent / "data"
WEB1 = Host("web1", "192.0.2.1")
TARGET = Target("tcp", 8080, Process(67, 330103, datetime.now(UTC), "daemon", "", "", "", "x", "x"), (793738,), ("::",))


def answered(stdout: bytes, status: Status = Status.OK, **known: Any) -> Result:
    return Result("web1", status, 0 if status is Status.OK else 1, stdout, **known)


class Answering:
    """Runs nothing: every host gives the same answer, as a hostile one would."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.commands: list[Command] = []

    async def __call__(self, host: Host, command: Command, *, stop: object = None) -> Result:  # noqa: ARG002 - a Run
        self.commands.append(command)
        return self.result


def parsed(name: str, data: bytes) -> Any:
    frame = read_frame(answered(data), name.partition("-")[0])
    if name.startswith("ports"):
        return PortsAnswer("web1", Status.OK, read_ports(frame), read_more(frame)).to_json()
    if name.startswith("vitals"):
        return json.loads(
            json.dumps(read_vitals(frame), default=lambda value: {k: getattr(value, k) for k in value.__slots__})
        )
    inspection = read_inspection("web1", 8080, frame)
    return {
        "targets": [target.argument for target in inspection.targets],
        "units": [[unit.name, unit.restart, unit.active, unit.sub, list(unit.sockets)] for unit in inspection.units],
        "ports": [port.to_json() for port in inspection.ports],
    }


@pytest.mark.parametrize("path", sorted(DATA.glob("*.txt")), ids=lambda path: path.stem)
def test_recorded_answers(path: Path) -> None:
    assert parsed(path.stem, path.read_bytes()) == json.loads(path.with_suffix(".json").read_text())


PORTS = (DATA / "ports-debian12.txt").read_bytes()
INSPECT = (DATA / "inspect-debian12.txt").read_bytes()
VITALS = (DATA / "vitals-debian12.txt").read_bytes()
CLOSE = INSPECT.replace(b"\tinspect\n", b"\tclose\nbegan\t1\n")


READERS: dict[str, list[Callable[[Frame], object]]] = {
    "ports": [read_ports, read_more],
    "vitals": [read_vitals],
    "inspect": [lambda frame: read_inspection("web1", 8080, frame)],
    "close": [lambda frame: read_close("web1", 8080, (TARGET,), frame, 1.0)],
    "unit-stop": [lambda frame: read_unit_stop("web1", 8080, "web.service", frame, 1.0)],
}


def read_all(data: bytes) -> None:
    """Whatever the bytes, every reading ends with a value or with UnreadableAnswer, which can be shown as it is."""
    for verb, readers in READERS.items():
        for reader in readers:
            try:
                reader(read_frame(answered(data), verb))
            except UnreadableAnswer as error:
                shown = str(error)
                told = shown.startswith("cannot read the answer: ") and shown.isprintable() and len(shown) < 400
                assert told, shown


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    read_all(data)
    for verb in (b"ports", b"vitals", b"inspect", b"close"):
        read_all(b"hostctl\t1\t" + verb + b"\n" + data + b"\nend\n")


KINDS = ["socket", "owner", "process", "view", "byteorder", "more", "unit", "outcome", "began", "cpu", "load", "disk"]
FIELDS = st.one_of(
    st.sampled_from(KINDS), st.integers().map(str), st.text(max_size=12), st.sampled_from(["whole", "٣", "1e9"])
)
LINES = st.lists(st.lists(FIELDS, min_size=1, max_size=10).map("\t".join), max_size=20)


@given(LINES, st.sampled_from(["ports", "vitals", "inspect", "close", "unit-stop"]))
def test_any_lines(lines: list[str], verb: str) -> None:
    read_all("\n".join([f"hostctl\t1\t{verb}", *lines, "end", ""]).encode("utf-8", "surrogatepass"))


@given(st.data())
def test_a_mutated_answer(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from([PORTS, INSPECT, VITALS, CLOSE])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    read_all(bytes(whole))


@pytest.mark.parametrize("answer", [PORTS, INSPECT, VITALS, CLOSE])
def test_a_cut_answer_is_never_taken_for_a_whole_one(answer: bytes) -> None:
    verb = answer.split(b"\n")[0].split(b"\t")[2].decode()
    read_frame(answered(answer), verb)
    for cut in range(len(answer)):
        with pytest.raises(UnreadableAnswer):
            read_frame(answered(answer[:cut]), verb)


def process_line(pid: int, started: str = "1700000000", command: str = "x") -> str:
    return f"process\t{pid}\t5\t{started}\troot\t\t\t\tx\t{command}"


HEAD = "hostctl\t1\tports\nbyteorder\tlittle\nview\twhole\n"
HOSTILE = {
    "flood of sockets": HEAD + "socket\ttcp\t0100007F:0050\t1\troot\n" * 5000 + "end\n",
    "flood of lines": HEAD + "owner\t1\t1\n" * 30_000 + "end\n",
    "flood of bytes": HEAD + "x" * (ANSWER_BYTES + 1) + "\nend\n",
    "huge number": HEAD + f"owner\t{'9' * 5000}\t1\nend\n",
    "negative number": HEAD + "owner\t-1\t1\nend\n",
    "other digits": HEAD + "owner\t٣\t1\nend\n",
    "underscored number": HEAD + "owner\t1_0\t1\nend\n",
    "pid beyond the largest": HEAD + "owner\t1\t99999999\nend\n",
    "start in year 300000": HEAD + process_line(1, "9999999999999") + "\nend\n",
    "start on a day that is beyond the calendar in Asia": HEAD + process_line(1, "253402300799") + "\nend\n",
    "short address": HEAD + "socket\ttcp\t7F:0050\t1\troot\nend\n",
    "address with spaces": HEAD + "socket\ttcp\t01 00 7F:0050\t1\troot\nend\n",
    "no such table": HEAD + "socket\tsctp\t0100007F:0050\t1\troot\nend\n",
    "too few fields": HEAD + "socket\ttcp\nend\n",
    "unknown kind": HEAD + "rm\t-rf\nend\n",
    "another format": HEAD.replace("\t1\t", "\t2\t") + "end\n",
    "another verb": HEAD.replace("ports", "vitals") + "end\n",
    "something after the end": HEAD + "end\nsocket\n",
    "something before the beginning": "motd\n" + HEAD + "end\n",
    "view twice": HEAD + "view\twhole\nend\n",
    "no view": HEAD.replace("view\twhole\n", "") + "end\n",
    "nothing": "",
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_answer_is_a_failed_host_with_a_reason(answer: str) -> None:
    began = time.monotonic()
    (answer_,) = [each async for each in Fleet(Answering(answered(answer.encode()))).ports([WEB1])]
    assert (answer_.status, answer_.ports) == (Status.FAILED, ())
    assert answer_.detail.startswith("cannot read the answer: ")
    assert answer_.detail.isprintable()
    assert time.monotonic() - began < 20


async def test_a_truncated_output_is_not_read_even_if_its_ends_fit() -> None:
    (answer,) = [each async for each in Fleet(Answering(answered(PORTS, truncated=True))).ports([WEB1])]
    assert answer.status is Status.FAILED


async def test_words_of_a_hostile_host_are_cleaned() -> None:
    text = (
        HEAD
        + process_line(7, command="\x1b[2Ja\u202eb\x07\ud83d" + "c" * 9000)
        + "\nsocket\ttcp\t0100007F:0050\t1\tr\x1b[0moot\nowner\t1\t7\nend\n"
    )
    (answer,) = [each async for each in Fleet(Answering(answered(text.encode("utf-8", "replace")))).ports([WEB1])]
    (port,) = answer.ports
    assert port.user == "root"
    assert port.processes[0].command.startswith("ab")
    assert port.processes[0].command.isprintable()
    assert len(port.processes[0].command) <= 256


async def test_the_reason_a_shell_gives_is_passed_on() -> None:
    refused = Result("web1", Status.FAILED, 1, b"", b"sudo: a password is required\n")
    (answer,) = [each async for each in Fleet(Answering(refused)).ports([WEB1])]
    assert (answer.status, answer.detail) == (Status.FAILED, "cannot read the answer: sudo: a password is required")
    outcome = await Fleet(Answering(refused)).close(WEB1, [TARGET])
    assert outcome.state is CloseState.NOT_DONE


@pytest.mark.parametrize("status", [status for status in Status if not status.answered])
async def test_a_host_that_did_not_answer_keeps_its_status(status: Status) -> None:
    fleet = Fleet(Answering(Result("web1", status, detail="why")))
    (ports,) = [each async for each in fleet.ports([WEB1])]
    (vitals,) = [each async for each in fleet.vitals([WEB1])]
    inspection = await fleet.inspect(WEB1, 80)
    assert {ports.status, vitals.status, inspection.status} == {status}
    assert {ports.detail, vitals.detail, inspection.detail} == {"why"}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.UNREACHABLE, CloseState.NOT_DONE),
        (Status.AUTH_FAILED, CloseState.NOT_DONE),
        (Status.HOST_KEY_UNKNOWN, CloseState.NOT_DONE),
        (Status.HOST_KEY_CHANGED, CloseState.NOT_DONE),
        (Status.LOST, CloseState.UNKNOWN),
        (Status.TIMEOUT, CloseState.UNKNOWN),
        (Status.CANCELLED, CloseState.UNKNOWN),
    ],
)
async def test_a_close_we_lost_sight_of_is_unknown(status: Status, state: CloseState) -> None:
    fleet = Fleet(Answering(Result("web1", status, detail="why")))
    closed = await fleet.close(WEB1, [TARGET])
    stopped = await fleet.stop_unit(WEB1, "web.service", 8080, "tcp")
    assert (closed.state, stopped.state) == (state, state)
    assert closed.detail == "why"


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ("outcome\t67\tgone\tTERM\n", CloseState.CLOSED),
        ("outcome\t67\treleased\tTERM\n", CloseState.CLOSED),
        ("outcome\t67\tgone\tKILL\n", CloseState.CLOSED),
        ("outcome\t67\talive\tKILL\n", CloseState.UNKNOWN),
        ("outcome\t67\tchanged\tnone\n", CloseState.CHANGED),
        ("outcome\t67\tdenied\tnone\n", CloseState.STILL_OPEN),
        ("refused\t67\tit is PID 1\n", CloseState.REFUSED),
        ("", CloseState.CHANGED),
        ("outcome\t67\tgone\tTERM\nsocket\ttcp\t00000000:1F90\t793738\troot\n", CloseState.STILL_OPEN),
        ("outcome\t67\tgone\tTERM\nsocket\ttcp\t00000000:1F90\t8\troot\n", CloseState.STILL_OPEN),
        (
            f"outcome\t67\tgone\tTERM\nsocket\ttcp\t00000000:1F90\t8\troot\nowner\t8\t9\n{process_line(9)}\n",
            CloseState.RESTARTED,
        ),
        (
            "outcome\t67\tgone\tTERM\nunit\tweb.service\talways\tactivating\tauto-restart\t\n",
            CloseState.RESTARTED,
        ),
        ("outcome\t67\tgone\tTERM\nunit\tweb.service\tno\tinactive\tdead\t\n", CloseState.CLOSED),
        ("outcome\t67\tfine\tTERM\n", CloseState.UNKNOWN),
        ("error\t/proc/net cannot be read\n", CloseState.UNKNOWN),
    ],
)
async def test_what_came_of_a_close(lines: str, state: CloseState) -> None:
    text = f"hostctl\t1\tclose\nbegan\t5\nbyteorder\tlittle\n{lines}view\tpartial\nconnections\t0\nend\n"
    outcome = await Fleet(Answering(answered(text.encode()))).close(WEB1, [TARGET])
    assert outcome.state is state, outcome


async def test_an_answer_about_another_port_is_refused() -> None:
    inspection = await Fleet(Answering(answered(INSPECT))).inspect(WEB1, 22)
    assert inspection.status is Status.FAILED


async def test_an_error_the_script_reports_is_the_detail() -> None:
    text = b"hostctl\t1\tports\nerror\t/proc/net cannot be read\nend\n"
    (answer,) = [each async for each in Fleet(Answering(answered(text, Status.FAILED))).ports([WEB1])]
    assert (answer.status, answer.detail) == (Status.FAILED, "/proc/net cannot be read")


def test_vitals_without_what_an_old_kernel_does_not_say() -> None:
    vitals = read_vitals(read_frame(answered(b"hostctl\t1\tvitals\nmemory\tMemTotal\t5\nend\n"), "vitals"))
    assert (vitals.cpu, vitals.memory, vitals.disk, vitals.load, vitals.cpus) == (None,) * 5
