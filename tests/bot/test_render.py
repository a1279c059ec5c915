"""Whatever hosts say, what is sent is valid, safe and within the limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.bot.language import Catalogues, Locale
from orchestrator.bot.message import TEXT_LIMIT, Button, Message
from orchestrator.bot.phrases import PHRASES, translate
from orchestrator.bot.render import closing, execution, hosts, ports
from orchestrator.bot.render.closing_choices import Place
from orchestrator.bot.render.markup import Html, bold, cut, esc, length, lines, pad, pre, shown, take, units, width
from orchestrator.bot.render.outcome import size
from orchestrator.bot.render.problem import problem
from orchestrator.bot.render.sections import Section, fit, preview
from orchestrator.errors import UsageError
from orchestrator.fleet import (
    CloseOutcome,
    CloseState,
    Disk,
    Ending,
    Inspection,
    Ownership,
    Port,
    PortsAnswer,
    Process,
    Target,
    Unit,
    Vitals,
    VitalsAnswer,
)
from orchestrator.inventory import Host, HostSet
from orchestrator.ssh.result import Result, Status
from orchestrator.ssh.state import HostState, Phase
from tests.telegram.markup import visible

CATALOGUES = Catalogues(UTC)
NOW = datetime(2026, 11, 22, 14, 3, 20, tzinfo=UTC)
LIMITS = (0.8, 0.85, 0.9)
BUTTON = Button("x", "y")
FAST = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])

locales = st.sampled_from([CATALOGUES.locale(language) for language in ("en", "zh_TW")])
nasty = st.text(
    st.one_of(
        st.characters(exclude_categories=()),
        st.sampled_from(list("<>&\"'\x1b\x00\x07\r\n\t [];m\u202e\u2066\ud800中😀e\u0301")),
    ),
    max_size=300,
)
outputs = st.one_of(
    st.binary(max_size=400),
    nasty.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.builds(lambda text, count: text.encode("utf-8", "replace") * count, nasty, st.integers(1, 400)),
)
names = st.from_regex(r"[a-zA-Z0-9_.-]{1,60}", fullmatch=True)


def is_sound(message: Message) -> None:
    """Telegram takes it, and a reader is not deceived by it."""
    text = visible(message.html)
    assert 0 < units(text) <= TEXT_LIMIT
    assert text.strip()
    assert message.html.count("</") <= 100
    assert not any(char in text for char in "\x1b\x00\x07\r\u202e\u2066")
    text.encode()  # no lone surrogates
    for row in message.buttons:
        assert row
        assert all(button.label for button in row)


@st.composite
def results(draw: st.DrawFn) -> list[Result]:
    hostnames = draw(st.lists(names, min_size=1, max_size=40, unique=True))
    pool = draw(st.lists(outputs, min_size=1, max_size=6))
    return [
        Result(
            host=name,
            status=(status := draw(st.sampled_from(Status))),
            exit_code=draw(st.integers(0, 255)) if status.answered else None,
            stdout=draw(st.sampled_from(pool)),
            stderr=draw(st.sampled_from(pool)),
            stdout_size=draw(st.integers(0, 1 << 40)),
            truncated=draw(st.booleans()),
            detail=draw(nasty),
            may_be_alive=draw(st.booleans()),
        )
        for name in hostnames
    ]


def execution_of(command: str, answers: list[Result], more: int = 0) -> execution.Execution:
    everyone = [result.host for result in answers] + [f"waiting-{number}" for number in range(more)]
    return execution.Execution(command, HostSet(Host(name, "::1") for name in everyone), answers, NOW, 1.5)


@FAST
@given(nasty, results(), st.integers(0, 50), st.booleans(), locales)
def test_any_execution_is_sound(command: str, answers: list[Result], more: int, stop: bool, locale: Locale) -> None:
    asked = execution_of(command, answers, more)
    is_sound(execution.question(command, asked.hosts, ((BUTTON,),), locale))
    is_sound(execution.not_run(command, locale))
    is_sound(execution.running(asked, BUTTON, stop, locale))
    is_sound(execution.interrupted(asked, locale))
    done = execution_of(command, answers)
    message = execution.finished(done, BUTTON, BUTTON, locale)
    is_sound(message)
    first = visible(message.html).partition("\n")[0]
    assert first.startswith("✔") == all(result.status is Status.OK for result in answers)
    assert units(first) <= 120
    if message.document:
        message.document.content.decode()


@FAST
@given(results(), locales)
def test_what_did_not_answer_is_always_seen(answers: list[Result], locale: Locale) -> None:
    """However long the outputs are, the message or its file names every host; trouble is in the message itself."""
    message = execution.finished(execution_of("id", answers), BUTTON, BUTTON, locale)
    if message.document is None:
        assert visible(message.html)
    if len(answers) > 1:
        bad = sum(result.status is not Status.OK for result in answers)
        assert (f"{len(answers) - bad} of {len(answers)} ok" in message.html) == (locale.language == "en")


@FAST
@given(nasty, st.integers(100, 3000), st.integers(3, 40), st.integers(1, 50), locales)
def test_preview_is_bounded(text: str, limit: int, rows: int, times: int, locale: Locale) -> None:
    short = preview(text * times, limit, rows, locale)
    assert units(short) <= limit
    assert short.count("\n") <= rows + 1


def test_preview_keeps_whole_lines_and_counts_the_rest() -> None:
    text = "\n".join(f"line {number}" for number in range(1000))
    shown_lines = preview(text, 2000, 30, CATALOGUES.locale("en")).splitlines()
    assert shown_lines[:2] == ["line 0", "line 1"]
    assert shown_lines[-1] == "line 999"
    [note] = [line for line in shown_lines if line.startswith("[")]
    assert note == f"[… {1000 - (len(shown_lines) - 1)} lines left out …]"


@FAST
@given(st.lists(st.tuples(nasty, nasty), max_size=60), locales)
def test_sections_fit(parts: list[tuple[str, str]], locale: Locale) -> None:
    sections = [Section(bold(cut(heading.replace("\n", " "), 70)), text) for heading, text in parts]
    body, everything = fit(esc("head"), sections, 0, esc("tail"), locale)
    visible(body)
    assert length(body) <= TEXT_LIMIT
    assert everything or parts


@FAST
@given(nasty, st.integers(0, 60))
def test_cutting(text: str, columns: int) -> None:
    assert width(cut(text, columns + 1)) <= max(columns + 1, 1) or width(text) == len(text)
    assert units(take(text, columns)) <= columns
    assert text.startswith(take(text, columns))
    assert shown(esc(text)) == shown(esc(shown(esc(text))))  # cleaning twice changes nothing


def test_columns_of_wide_characters() -> None:
    assert width("中文😀") == 6
    assert pad("中", 4) == "中  "
    assert cut("中文字", 5) == "中文…"
    assert units("😀") == 2


# -- hosts

ratios = st.one_of(st.none(), st.floats(0, 1))
vitals = st.builds(
    Vitals,
    cpu=ratios,
    memory=ratios,
    disk=st.one_of(st.none(), st.builds(Disk, nasty, st.floats(0, 1))),
    load=st.one_of(st.none(), st.tuples(st.floats(0, 99), st.floats(0, 99), st.floats(0, 99))),
    cpus=st.one_of(st.none(), st.integers(1, 512)),
    uptime=st.one_of(st.none(), st.floats(0, 1e9)),
    kernel=nasty,
    system=nasty,
    boot_id=nasty,
)
states = st.builds(
    HostState, st.sampled_from(Phase), st.timedeltas(timedelta(), timedelta(days=900)).map(lambda ago: NOW - ago), nasty
)


@st.composite
def views(draw: st.DrawFn) -> list[hosts.HostView]:
    found = []
    for name in draw(st.lists(names, min_size=1, max_size=45, unique=True)):
        status = draw(st.sampled_from([None, *Status]))
        reading = draw(vitals) if status is Status.OK else None
        answer = VitalsAnswer(name, status, reading, draw(nasty)) if status else None
        found.append(hosts.HostView(name, draw(states), LIMITS, answer))
    return found


@settings(FAST, max_examples=60)
@given(views(), st.integers(-3, 9), st.booleans(), st.booleans(), locales)
def test_any_list_of_hosts_is_sound(
    found: list[hosts.HostView], page: int, only: bool, complete: bool, locale: Locale
) -> None:
    message = hosts.hosts(found, locale, page=page, only=only, complete=complete, now=NOW)
    is_sound(message)
    text = visible(message.html)
    assert text.count("🟢") <= sum(view.answer is not None and view.answer.vitals is not None for view in found)
    short = all(width(view.name) <= 10 for view in found)
    assert not short or all(width(row) <= 2 * 38 for row in text.splitlines()[1:])


@pytest.mark.parametrize("language", ["en", "zh_TW"])
def test_hosts_of_usual_names_fit_a_phone(language: str) -> None:
    reading = Vitals(1.0, 1.0, Disk("/", 1.0), (9.0, 9.0, 9.0), 4, 1.0, "", "", "")
    found = [
        hosts.HostView(
            name, HostState(Phase.UP, NOW - timedelta(hours=47)), LIMITS, VitalsAnswer(name, Status.OK, reading)
        )
        for name in ("Server", "web1", "ten-chars1")
    ]
    message = hosts.hosts(found, CATALOGUES.locale(language), page=0, only=False, complete=True, now=NOW)
    rows = visible(message.html).splitlines()
    assert max(map(width, rows)) <= 38
    assert {width(row) for row in rows[1:5]} == {width(rows[1])}  # aligned
    assert "3 warnings" in rows[0] or "3 警告" in rows[0]


def test_busy_for_a_moment_is_no_warning() -> None:
    def health(cpu: float, load: float) -> hosts.Health:
        reading = Vitals(cpu, 0.1, None, (load, load, load), 4, 1.0, "", "", "")
        return hosts.HostView("a", HostState(Phase.UP, NOW), LIMITS, VitalsAnswer("a", Status.OK, reading)).health

    assert health(1.0, 1.0) is hosts.Health.UP
    assert health(1.0, 5.0) is hosts.Health.WARNING
    assert health(0.1, 5.0) is hosts.Health.UP
    assert health(0.79, 5.0) is hosts.Health.UP
    assert health(0.8, 5.0) is hosts.Health.WARNING, "from the host's own threshold on"


def test_only_an_answer_makes_a_host_green() -> None:
    up = HostState(Phase.UP, NOW)
    assert hosts.HostView("a", up, LIMITS).health is hosts.Health.UNKNOWN
    assert hosts.HostView("a", HostState(Phase.PARKED, NOW), LIMITS).health is hosts.Health.DOWN
    assert hosts.HostView("a", HostState(Phase.CONNECTING, NOW), LIMITS).health is hosts.Health.UNKNOWN
    assert hosts.HostView("a", HostState(Phase.CONNECTING, NOW, "no route to host"), LIMITS).health is hosts.Health.DOWN
    for status in Status:
        if status is not Status.OK:
            assert hosts.HostView("a", up, LIMITS, VitalsAnswer("a", status)).health in (
                hosts.Health.WARNING,
                hosts.Health.DOWN,
            )


# -- ports

processes = st.builds(
    Process,
    pid=st.integers(1, 1 << 22),
    ticks=st.integers(0, 10**9),
    started=st.just(NOW),
    user=nasty,
    unit=nasty,
    manager=st.just("system"),
    container=nasty,
    name=nasty,
    command=nasty,
)
sockets = st.builds(
    Port,
    protocol=st.sampled_from(["tcp", "udp"]),
    address=st.one_of(st.ip_addresses().map(str)),
    port=st.integers(1, 65535),
    inode=st.integers(1, 10**9),
    user=nasty,
    ownership=st.sampled_from(Ownership),
    processes=st.lists(processes, max_size=3).map(tuple),
)
answers = st.builds(
    PortsAnswer,
    host=names,
    status=st.sampled_from(Status),
    ports=st.lists(sockets, max_size=40).map(tuple),
    more=st.integers(0, 9999),
    detail=nasty,
)


@settings(FAST, max_examples=60)
@given(st.lists(answers, min_size=1, max_size=8), st.integers(-2, 9), locales)
def test_any_ports_are_sound(found: list[PortsAnswer], page: int, locale: Locale) -> None:
    is_sound(ports.ports(found[0], page, frozenset({22}), locale))
    is_sound(ports.ports_of_many(found, 2, locale))
    is_sound(ports.ports_of_many(found, 0, locale))


def process(name: str, pid: int, unit: str = "", container: str = "") -> Process:
    return Process(pid, 1, NOW, "ops", unit, "system", container, name, f"/usr/bin/{name} -x")


def port(number: int, address: str, *held: Process, protocol: str = "tcp") -> Port:
    ownership = Ownership.KNOWN if held else Ownership.NONE
    return Port("udp" if protocol == "udp" else "tcp", address, number, number, "root", ownership, held)


def test_ports_read_as_a_person_would_say_them() -> None:
    nginx = [process("nginx", pid, "nginx.service") for pid in (80, 81, 82)]
    answer = PortsAnswer(
        "web1",
        Status.OK,
        (
            port(22, "0.0.0.0", process("sshd", 1, "ssh.service")),
            port(22, "::", process("sshd", 1, "ssh.service")),
            port(80, "0.0.0.0", *nginx),
            port(2049, "0.0.0.0"),
            port(5432, "127.0.0.1", process("postgres", 7, "postgresql@15-main.service")),
            port(8080, "10.0.0.1", process("python3", 4121)),
            port(9000, "::", process("app", 9, "x.scope", "docker:0123456789ab")),
            port(68, "10.0.0.1", process("dhclient", 5), protocol="udp"),
        ),
    )
    message = ports.ports(answer, 0, frozenset({22}), CATALOGUES.locale("en"))
    assert visible(message.html).splitlines() == [
        "🔌 web1 · 7 listening",
        "tcp   22 *        sshd  ssh",
        "tcp   80 *        nginx ×3",
        "tcp 2049 *        kernel",
        "tcp 5432 lo       postgres",
        "    └ postgresql@15-main",
        "tcp 8080 10.0.0.1 python3",
        "    └ pid 4121, ops",
        "tcp 9000 *        app",
        "    └ docker:0123456789ab",
        "udp   68 10.0.0.1 dhclient  pid 5, ops",
    ]
    assert [[button.label for button in row] for row in message.buttons] == [
        ["✖ 80", "✖ 5432", "✖ 8080", "✖ 9000"],
        ["✖ udp 68"],
        ["↻"],
    ]


# -- closing


@settings(FAST, max_examples=80)
@given(st.lists(sockets.filter(lambda each: bool(each.processes)), min_size=1, max_size=9), nasty, locales)
def test_any_closing_is_sound(found: list[Port], reason: str, locale: Locale) -> None:
    unit = Unit("a.service", "always", sockets=("a.socket",))
    targets = tuple(
        Target("tcp", 80, each, (1,), ("::",), unit, protected)
        for each in found[0].processes
        for protected in ("", reason)
    )
    inspection = Inspection("web1", Status.OK, 80, tuple(found), targets, connections=3)
    is_sound(closing.question(inspection, targets, locale))
    is_sound(closing.cannot(inspection, locale))
    is_sound(closing.cannot(replace(inspection, targets=()), locale))
    is_sound(closing.cannot(Inspection("web1", Status.LOST, 80, detail=reason), locale))
    for state in CloseState:
        message = closing.outcome(
            CloseOutcome("web1", state, reason, (Ending(1, "gone", "TERM"),), units=(unit,)),
            Place("web1", 80, "tcp"),
            locale,
        )
        is_sound(message)
        assert visible(message.html).startswith("✔") == (state is CloseState.CLOSED)


def test_a_unit_that_comes_back_is_said_and_its_stop_offered() -> None:
    nginx = Unit("nginx.service", "always", "active", "running")
    target = Target("tcp", 80, process("nginx", 4200, "nginx.service"), (1,), ("0.0.0.0",), nginx)
    inspection = Inspection("web1", Status.OK, 80, (port(80, "0.0.0.0", target.process),), (target,), (nginx,))
    locale = CATALOGUES.locale("en")
    question = closing.question(inspection, [target], locale)
    assert "⚠ systemd will restart nginx.service (Restart=always)." in visible(question.html)
    assert [button.label for button in question.buttons[0]] == ["Close it", "Stop nginx.service", "Keep"]
    back = CloseOutcome("web1", CloseState.RESTARTED, "opened again by nginx (pid 9)", units=(nginx,))
    message = closing.outcome(back, Place("web1", 80, "tcp"), locale)
    assert visible(message.html).splitlines() == [
        "⚠ tcp 80 on web1 is open again",
        "opened again by nginx (pid 9)",
        "⚠ nginx.service restarts it by itself.",
    ]
    assert [button.label for button in message.buttons[0]] == ["Stop nginx.service", "Keep"]
    assert all(button.personal and button.once for button in message.buttons[0])


# -- words


@FAST
@given(nasty, nasty, nasty, locales)
def test_any_error_is_sound(what: str, where: str, remedy: str, locale: Locale) -> None:
    is_sound(problem(UsageError("x" + what, where=where, remedy=remedy), locale))


@FAST
@given(nasty, locales)
def test_translating_never_fails(text: str, locale: Locale) -> None:
    assert isinstance(translate(text, locale), str)
    for phrase in PHRASES[:8]:
        translate(phrase.replace("{n}", text).replace("{why}", text), locale)


def test_sentences_of_lower_floors_are_recognised() -> None:
    locale = CATALOGUES.locale("zh_TW")
    assert translate("no end within 60 s; it may still be running", locale) == "60 秒內沒有結束; 可能仍在執行"
    assert translate("jump host bastion: connection refused", locale) == "跳板主機 bastion：連線被拒"
    assert translate("Did you mean web1 or web2?", locale) == "您是指 web1 或 web2 嗎？"
    assert translate("See all hosts with: orchestrator hosts all.", CATALOGUES.locale("en")) == "/agents lists all."
    assert translate("something nobody listed", locale) == "something nobody listed"


@pytest.mark.parametrize(
    ("seconds", "ago", "took"),
    [
        (0, "0 s", "0.0 s"),
        (0.44, "0 s", "0.4 s"),
        (9.96, "9 s", "10 s"),
        (59, "59 s", "59 s"),
        (61, "1 min", "1 min 1 s"),
        (3600 * 47, "47 h", "2820 min 0 s"),
        (86400 * 3, "3 d", "4320 min 0 s"),
        (-5, "0 s", "-5.0 s"),
    ],
)
def test_lengths_of_time(seconds: float, ago: str, took: str) -> None:
    locale = CATALOGUES.locale("en")
    assert locale.ago(seconds) == ago
    assert locale.took(seconds) == took


def test_clock_says_zone_and_day() -> None:
    locale = CATALOGUES.locale("en")
    now = datetime.now(UTC)
    assert locale.clock(now) == f"{now:%H:%M:%S} +00"
    assert locale.clock(datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)) == "2020-02-03 04:05:06 +00"


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")])
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_markup_of_nothing_is_nothing() -> None:
    assert pre(" \n ") == ""
    assert lines((Html(""), esc("a"))) == "a"
