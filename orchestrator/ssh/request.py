"""The text that a prepared shell reads on its standard input: how it is set up, and what one call looks like.

The shell is a plain ``/bin/sh`` that reads commands from standard input, in blocks where it can (dash, busybox). A
call is one compound command, so nothing of it runs before all of it arrived; half a call from a broken connection is
a syntax error. The program runs in a subshell whose standard input is never the shell's own. When it ended the shell
prints marks after a token that was made for this call alone and that the program's own processes never see:

    TOKEN:KEY=VALUE TOKEN;   a record (without the blank)
    TOKEN>                   a streamed standard input may begin
    TOKEN<CODE               the program that reads it ended
    TOKEN.CODE               standard output is complete; TOKEN. the same on standard error
    TOKEN!                   ready for the next call

File descriptor 8 of the shell is its standard error (2 is null: shells comment on the death of children), 9 of a
program leads where its standard output did when it began, for records.
"""

from __future__ import annotations

import shlex
from functools import lru_cache

from orchestrator.ssh.call import Library
from orchestrator.ssh.remote import MARK

_PREPARE = """\
{token}
{{ exec 8>&2 2>/dev/null
say() {{ printf '%s:%s=%s%s;' "$_o_t" "$1" "$2" "$_o_t" >&9; }}
printf '%s!\\n' {token}; }}
"""

# Reads blocks of the announced lengths and not a byte more, until one of length 0. A dd whose reader went away has
# taken its block before it finds out. GNU and busybox dd know fullblock; others get bytes one by one.
_STREAM = """{ printf '%s>\\n' "$_o_t" >&7
if dd iflag=fullblock count=0 </dev/null >/dev/null 2>&1; then
while read -r _o_n && [ "$_o_n" -gt 0 ]; do dd bs="$_o_n" count=1 iflag=fullblock 2>/dev/null; done
else
while read -r _o_n && [ "$_o_n" -gt 0 ]; do dd bs=1 count="$_o_n" 2>/dev/null; done
fi; } | """
_OVER = """{ %s
_o_c=$?; printf '%%s<%%s\\n' "$_o_t" "$_o_c" >&7; exit "$_o_c"; }"""


def prepare(token: str) -> bytes:
    """What makes a fresh shell ready; `token` first ends the wait of the wrapper that started it."""
    return _PREPARE.format(token=token).encode()


def request(
    script: str,
    *,
    token: str,
    mark: str,
    fresh: dict[int, Library],
    libraries: list[int],
    stdin: bytes | None,
    tidy: bool,
) -> bytes:
    """One call. `mark` goes into the environment of all that the program starts.

    `fresh` are the libraries to keep under their numbers, `libraries` the numbers of all that the program needs.
    `stdin` None means that it is streamed in blocks (see `block`).
    """
    keep = "".join(f"_o_{number}={_library(library)}\n" for number, library in fresh.items())
    load = "".join(f'eval "$_o_{number}"\n' for number in libraries)
    body = f"{MARK}={mark}\n{load}eval {shlex.quote(script)}\n"
    run = _tidy(body, stdin) if tidy else _apart(body, stdin)
    text = f"{{ _o_t={token}\n{keep}{run}\n}}\n"
    return text.encode("utf-8", "surrogateescape")


def block(data: bytes) -> bytes:
    """A piece of a streamed standard input; an empty one ends it."""
    return b"%d\n%b" % (len(data), data)


def _tidy(body: str, stdin: bytes | None) -> str:
    """The program writes straight to the shell's outputs."""
    run = _fed(f"({body})", "2>&8 8>&- 9>&1 7>&-", stdin)
    if stdin is None:
        run = f"{{ {run}; }} 7>&1"
    return f"""{run}
printf '%s.%s\\n%s!\\n' "$_o_t" "$?" "$_o_t"
printf '%s.\\n' "$_o_t" >&8"""


def _apart(body: str, stdin: bytes | None) -> str:
    """The program writes to two pipes, the marks follow it there; when nobody holds them any more the shell goes on.

    These are subshells (no more processes: they stand in pipelines), as busybox undoes the redirections of braces
    before it runs a trap on EXIT.
    """
    run = _fed(f"({body})", "2>&6 9>&1 6>&- 7>&-", stdin)
    return f"""( ( {run}
printf '%s.%s\\n' "$_o_t" "$?"
printf '%s.\\n' "$_o_t" >&6
) 6>&1 >&7 8>&- | cat >&8 7>&- 8>&- ) 7>&1 | cat 8>&-
printf '%s!\\n' "$_o_t\""""


def _fed(program: str, outputs: str, stdin: bytes | None) -> str:
    """The subshell `program` with its `outputs` and its standard input."""
    if stdin is None:
        return _STREAM + _OVER % f"{program} {outputs}"
    if stdin:
        return f"printf {_format(stdin)} | {program} {outputs}"
    return f"{program} </dev/null {outputs}"


def _format(data: bytes) -> str:
    """`data` as a format that the shell's own printf turns back into it; no process, no length in ``ps``."""
    escaped = data.replace(b"\\", b"\\\\").replace(b"%", b"%%").replace(b"\0", b"\\000")
    if escaped.startswith(b"-"):  # else it would be taken for an option; not every printf knows "--"
        escaped = b"\\055" + escaped[1:]
    return shlex.quote(escaped.decode("utf-8", "surrogateescape"))


@lru_cache(maxsize=64)
def _library(library: Library) -> str:
    return shlex.quote(library.text)
