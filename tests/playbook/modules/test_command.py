"""command, shell, raw, script: what runs, how its end is told, and what keeps it from running."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.playbook.modules import Module, Result, TaskFailed, TaskSkipped, module
from tests.playbook.modules.target import LocalTarget

COMMAND = module("ansible.builtin.command")
SHELL = module("ansible.builtin.shell")
RAW = module("ansible.builtin.raw")
SCRIPT = module("ansible.builtin.script")


async def run(what: Module[Any], target: LocalTarget, **arguments: Any) -> Result:
    return await what.run(what.arguments.model_validate(arguments), target)


async def test_a_command_is_no_shell(target: LocalTarget) -> None:
    (target.folder / "a.txt").touch()
    result = await run(COMMAND, target, cmd="printf '%s|' *.txt ';' 'two words' '' '$(id)'")
    assert result.changed
    assert result.keys["stdout"] == "*.txt|;|two words||$(id)|"
    assert result.keys["cmd"] == ["printf", "%s|", "*.txt", ";", "two words", "", "$(id)"]
    assert (result.keys["rc"], result.keys["stderr"], result.keys["msg"]) == (0, "", "")
    assert result.keys["start"] <= result.keys["end"]
    assert target.exchanges == 1


async def test_a_command_is_the_program_and_not_the_shells_own(target: LocalTarget) -> None:
    """dash's echo turns ``\\n`` into a newline, /bin/echo does not; and `say` is ours alone."""
    result = await run(COMMAND, target, argv=["echo", r"a\nb"])
    assert result.keys["stdout"] == r"a\nb"
    with pytest.raises(TaskFailed, match=r"No such file or directory.*'say'") as failure:
        await run(COMMAND, target, cmd="say x y")
    assert failure.value.keys["rc"] == 2


@pytest.mark.parametrize(("path", "rc"), [("/nowhere/at/all", 2), ("./plain", 13), (".", 13), ("plain", 13)])
async def test_what_cannot_be_started(target: LocalTarget, path: str, rc: int) -> None:
    (target.folder / "plain").write_text("no program")
    target.environment["PATH"] = f"{target.shell.path}:{target.folder}"
    with pytest.raises(TaskFailed) as failure:
        await run(COMMAND, target, cmd=path)
    assert failure.value.keys["rc"] == rc


async def test_variables_and_homes_in_words(target: LocalTarget) -> None:
    target.environment["GREETING"] = "hello there *"
    words = ["$GREETING", "a${GREETING}b$", "$nope/${nope}", "~/x", "~nobody_at_all/x", "a~"]
    words += ["$creates", "${-x}", "$GREETING_"]
    result = await run(COMMAND, target, argv=["printf", "%s\n", *words], creates="/nowhere")
    home = target.folder
    assert result.keys["stdout_lines"] == [
        "hello there *", "ahello there *b$", "$nope/${nope}", f"{home}/x", "~nobody_at_all/x", "a~", "$creates",
        "${-x}", "$GREETING_",
    ]  # fmt: skip
    kept = await run(COMMAND, target, argv=["printf", "%s", "$GREETING~"], expand_argument_vars=False)
    assert kept.keys["stdout"] == "$GREETING~"
    root = await run(COMMAND, target, argv=["printf", "%s", "~root"])
    assert root.keys["stdout"] == "/root"


async def test_standard_input(target: LocalTarget) -> None:
    assert (await run(COMMAND, target, cmd="cat", stdin="a\nb")).keys["stdout"] == "a\nb"
    assert (await run(COMMAND, target, cmd="wc -c", stdin="ab")).keys["stdout"].strip() == "3"
    assert (await run(COMMAND, target, cmd="wc -c", stdin="ab", stdin_add_newline=False)).keys["stdout"].strip() == "2"
    assert (await run(COMMAND, target, cmd="cat")).keys["stdout"] == ""


async def test_failure_carries_what_was_said(target: LocalTarget) -> None:
    with pytest.raises(TaskFailed, match="^non-zero return code$") as failure:
        await run(SHELL, target, cmd="echo out; echo err >&2; exit 7")
    keys = failure.value.keys
    assert (keys["rc"], keys["stdout"], keys["stderr_lines"], keys["changed"]) == (7, "out", ["err"], True)


async def test_ends_are_stripped_unless_told(target: LocalTarget) -> None:
    assert (await run(SHELL, target, cmd="printf 'a\\n\\r\\n\\n'")).keys["stdout"] == "a"
    kept = await run(SHELL, target, cmd="printf 'a\\n\\n'", strip_empty_ends=False)
    assert (kept.keys["stdout"], kept.keys["stdout_lines"]) == ("a\n\n", ["a", ""])


async def test_output_that_is_no_text(target: LocalTarget) -> None:
    assert (await run(SHELL, target, cmd=r"printf '\377\000x'")).keys["stdout"] == "\ufffd\0x"


async def test_too_much_output_is_cut_and_said(tmp_path: Path) -> None:
    result = await run(SHELL, LocalTarget(tmp_path), cmd="head -c 5000000 /dev/zero")
    assert len(result.keys["stdout"]) == 4 << 20
    assert result.keys["truncated"]
    assert "4 MiB" in result.keys["msg"]


async def test_the_shell_is_a_shell_of_its_own(target: LocalTarget) -> None:
    result = await run(SHELL, target, cmd='x="a  b"; echo "$x" | tr a-z A-Z; type say 2>&1 | grep -c function; true')
    assert result.keys["stdout"] == "A  B\n0"
    assert result.keys["cmd"].startswith("x=")
    other = await run(SHELL, target, cmd="echo $0 $BASH_VERSION", executable="/bin/bash")
    assert other.keys["stdout"].startswith("/bin/bash 5")
    with pytest.raises(TaskFailed, match="No such file"):
        await run(SHELL, target, cmd="true", executable="/bin/nosuchshell")


@pytest.mark.parametrize("what", [COMMAND, SHELL], ids=["command", "shell"])
@pytest.mark.parametrize("check", [False, True])
async def test_creates_and_removes(target: LocalTarget, what: Module[Any], check: bool) -> None:
    target.check = check
    (target.folder / "there is.txt").touch()
    (target.folder / "dangling").symlink_to("nowhere")
    would = "Would" if check else "Did"
    for path in ("there is.txt", "there*", "there [i]s.???", "~/there is.txt", "dangling"):
        result = await run(what, target, cmd="touch made", creates=path)
        assert not result.changed
        assert result.keys["msg"] == f"{would} not run command since '{path}' exists"
        assert (result.keys["rc"], result.keys["stdout"]) == (0, f"skipped, since {path} exists")
    result = await run(what, target, cmd="touch made", removes="gone*")
    assert result.keys["msg"] == f"{would} not run command since 'gone*' does not exist"
    assert not (target.folder / "made").exists()
    result = await run(what, target, cmd="touch made", creates="gone*", removes="there*")
    assert result.changed
    assert (target.folder / "made").exists() is not check


async def test_folders(target: LocalTarget) -> None:
    inner = target.folder / "-in ner"
    inner.mkdir()
    assert (await run(COMMAND, target, cmd="pwd", chdir="-in ner")).keys["stdout"] == str(inner)
    assert (await run(SHELL, target, cmd="pwd", chdir=str(inner))).keys["stdout"] == str(inner)
    for target.check in (False, True):
        with pytest.raises(TaskFailed, match="Unable to change directory before execution: nope"):
            await run(COMMAND, target, cmd="touch made", chdir="nope")
    assert not (target.folder / "made").exists()


async def test_check_mode_skips_what_it_cannot_foresee(target: LocalTarget) -> None:
    target.check = True
    for what in (COMMAND, SHELL, RAW):
        with pytest.raises(TaskSkipped):
            await run(what, target, cmd="touch made")
    assert target.exchanges == 0


async def test_raw_runs_as_it_stands(target: LocalTarget) -> None:
    result = await run(RAW, target, cmd="echo a; echo b >&2")
    assert (result.keys["stdout"], result.keys["stderr_lines"], result.changed) == ("a\n", ["b"], True)
    with pytest.raises(TaskFailed, match="non-zero return code"):
        await run(RAW, target, cmd="exit 3", executable="/bin/bash")


async def test_a_script_runs_and_leaves_nothing(target: LocalTarget) -> None:
    (target.folder / "files").mkdir()
    tmp = target.folder / "tmp"
    tmp.mkdir()
    target.environment["TMPDIR"] = str(tmp)
    (target.folder / "files/my script").write_text(
        '#!/bin/bash\n[[ -n $1 ]]; printf \'%s|\' "$@"; ls -A "$TMPDIR"; cat\n'
    )
    result = await run(SCRIPT, target, cmd="'my script' 'a b' $((1 + 1)) \"$TMPDIR\"")
    assert result.keys["stdout"] == f"a b|2|{tmp}|"
    assert list(tmp.iterdir()) == []
    (target.folder / "files/plain").write_text("echo plain $1; exit 4\n")
    with pytest.raises(TaskFailed, match="non-zero return code") as failure:
        await run(SCRIPT, target, cmd="plain x")
    assert (failure.value.keys["rc"], failure.value.keys["stdout_lines"]) == (4, ["plain x"])
    (target.folder / "files/shouts.py").write_text("import sys; print(sys.argv[1].upper())\n")
    result = await run(SCRIPT, target, cmd="shouts.py hey", executable="/usr/bin/python3", chdir="/tmp")
    assert result.keys["stdout"] == "HEY\n"


async def test_a_script_that_is_not_needed(target: LocalTarget) -> None:
    (target.folder / "go.sh").write_text("touch made")
    (target.folder / "there").touch()
    with pytest.raises(TaskSkipped, match="there exists, matching creates option"):
        await run(SCRIPT, target, cmd="go.sh", creates="there")
    with pytest.raises(TaskSkipped, match="gone does not exist, matching removes option"):
        await run(SCRIPT, target, cmd="go.sh", removes="gone")
    with pytest.raises(TaskFailed, match="Could not find missing"):
        await run(SCRIPT, target, cmd="missing.sh")
    target.check = True
    with pytest.raises(TaskSkipped):
        await run(SCRIPT, target, cmd="go.sh")
    assert (await run(SCRIPT, target, cmd="go.sh", creates="gone")).changed
    assert not (target.folder / "made").exists()


@pytest.mark.parametrize("arguments", [{}, {"cmd": "a", "argv": ["b"]}, {"cmd": "a", "nonsense": 1}])
def test_arguments_that_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        COMMAND.arguments.model_validate(arguments)
