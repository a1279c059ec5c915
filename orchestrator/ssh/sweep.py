"""How what was started on a host is ended there, and what is known of it afterwards.

Whatever is still in the command's process group or session is killed. What left the session did so on purpose (a
daemon, say) and is not ours to end, but has to be told: it is known by the token in its environment.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.ssh.remote import MARK
from orchestrator.ssh.result import Command

_PIDS_SHOWN = 5

# A comm in /proc/PID/stat may hold anything, newlines too: fields count from the last ") " of the last line (proc(5)).
# The clock is /proc/uptime in hundredths, as one look at thousands of processes takes a second of its own.
# Only what was seen after KILL is told as left: on a host where looks take seconds our time is over before, and it
# may still be running.
# A grep that does not find this very shell's mark finds nobody's; statuses above 2 say that it could not even run.
_SWEEP = """
group={group}
seen() {{
    pids=
    for stat in /proc/[0-9]*/stat; do
        last=
        {{ while read -r line; do last=$line; done <"$stat"; }} 2>/dev/null
        set -- ${{last##*) }}
        case $1 in Z|X|'') continue ;; esac
        if [ "$3" = $group ] || [ "$4" = $group ]; then
            pid=${{stat#/proc/}}
            pids="$pids ${{pid%/stat}}"
        fi
    done
    [ -n "$pids" ]
}}
clock() {{
    read -r now _ </proc/uptime
    now=${{now%.*}}${{now#*.}}
}}
[ -r /proc/self/stat ] && [ -r /proc/uptime ] || {{ echo blind; exit 0; }}
termed=
killed=
while seen; do
    clock
    if [ -z "$termed" ]; then
        termed=$now
        kill -TERM $pids; kill -CONT $pids
    elif [ -n "$killed" ] && [ $((now - termed)) -ge 300 ]; then
        echo left $pids; exit 0
    elif [ $((now - termed)) -ge 100 ]; then
        killed=yes
        kill -KILL $pids
    fi 2>/dev/null
    sleep 0.1 2>/dev/null || sleep 1
done
grep -qs {mark}= /proc/$$/environ 2>/dev/null || {{ echo unsearched; exit 0; }}
marked=$(grep -ls {mark}={token} /proc/[0-9]*/environ 2>/dev/null)
case $? in 0|1|2) ;; *) echo unsearched; exit 0 ;; esac
pids=
for environ in $marked; do
    pid=${{environ#/proc/}}
    pids="$pids ${{pid%/environ}}"
done
[ -z "$pids" ] && echo gone || echo detached $pids
"""


@dataclass(frozen=True, slots=True)
class Fate:
    """What is known of a command that was stopped: whether anything of it may be `alive`, and that in words."""

    alive: bool
    text: str


# Never "nothing is left": another user's environment may be unreadable, and a process may have dropped the mark.
GONE = Fate(False, "nothing of it was seen running any more")
UNKNOWN = Fate(True, "it may still be running")
_UNSEARCHED = Fate(True, "its process group is gone, but what it detached could not be looked for")


def sweep(group: int, token: str, timeout: float) -> Command:
    """The command that ends everything in process group or session `group`: TERM, after a second KILL.

    It must run as the user of what is to end, whose token is `token`, and prints one line for `fate`: ``gone``,
    ``detached PID...`` (the group is gone, these carry the mark), ``unsearched`` (the group is gone, no way to look
    for marks), ``left PID...`` or ``blind`` (no /proc to look at).
    """
    return Command(_SWEEP.format(group=group, mark=MARK, token=token), timeout=timeout)


def fate(answer: bytes) -> Fate:
    """What the last line that a sweep printed says; anything not understood is UNKNOWN."""
    lines = answer.splitlines()
    match lines[-1].split() if lines else []:
        case [b"gone"]:
            return GONE
        case [b"unsearched"]:
            return _UNSEARCHED
        case [b"detached", *pids] if pids and all(pid.isdigit() for pid in pids):
            shown = ", ".join(pid.decode() for pid in pids[:_PIDS_SHOWN])
            more = f" and {len(pids) - _PIDS_SHOWN} more" if len(pids) > _PIDS_SHOWN else ""
            return Fate(True, f"its process group is gone, but what it detached still runs (pid {shown}{more})")
    return UNKNOWN
