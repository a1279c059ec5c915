# ---- follow the journal -----------------------------------------------------------------------------------------

# Its files stay when nobody writes them any more, as journald was taken away or told to keep nothing (Storage=none): who
# follows those hears nothing, for ever. As root we see which files are open in a journald of root's; another account sees
# that there is one, or, where it may not see the processes of others (hidepid), nothing: then it is believed.
# Those of another machine, which this one was copied from, journalctl does not show (machine-id(5)).
MACHINE_ID=/etc/machine-id
AHEAD_SECONDS=60
JOURNALD_SECONDS=3 # in which one that is started anew is there again

find_journal() { # sets $journal, a file that is written, and $journald; else, and then it is false, $dead, one that is not
    journal='' dead='' _seconds=$JOURNALD_SECONDS _id=
    command -v journalctl >/dev/null 2>&1 || return 1
    { read -r _id <"$MACHINE_ID"; } 2>/dev/null
    case $_id in *[!0-9a-f]*) _id= ;; esac
    while :; do
        for _file in /var/log/journal/${_id:-*}/system.journal /run/log/journal/${_id:-*}/system.journal; do
            # Of a namespace (LogNamespace=), which has a journald of its own: journalctl shows none of it.
            case $_file in *.*/*) continue ;; esac
            [ -e "$_file" ] || continue
            if is_written "$_file"; then journal=$_file; else plain "$_file" && dead=$plain; fi
            [ -z "$journal" ] || [ ! -r "$journal" ] || break
        done
        [ -z "$journal" ] || { dead='' && return 0; }
        [ -n "$dead" ] && [ "$_seconds" -gt 0 ] || return 1
        _seconds=$((_seconds - 1))
        sleep 1
    done
}

is_written() { # FILE: sets $journald, /proc/PID of who writes it, or nothing where that cannot be told
    journald=
    [ -r /proc/1/comm ] || return 0
    for _process in /proc/[0-9]*; do
        { read -r _name <"$_process/comm"; } 2>/dev/null && [ "$_name" = systemd-journal ] || continue
        euid_of "${_process#/proc/}"
        [ "$euid" = 0 ] || continue
        journald=$_process _seen=
        for _open in "$_process"/fd/*; do
            [ ! "$_open" -ef "$1" ] || return 0
            [ ! -e "$_open" ] || _seen=1
        done
        [ -n "$_seen" ] || return 0
    done
    journald=
    return 1
}

has_entry() { # CURSOR
    journalctl --quiet --no-pager --output=json "--cursor=$1" 2>/dev/null | head -n 1 | grep -qF "\"$1\""
}

follow_journal() { # POSITION
    _now=$(date +%s)
    case $1 in
    now) _since=$_now ;;
    since:*) _since=${1#since:} ;;
    *)
        # Its time counts where its file is gone.
        _since=${1##*,t:} _since=${_since%%,*}
        case $_since in '' | *[!0-9a-f]*) _since=0 ;; *) _since=$((0x$_since / 1000000)) ;; esac
        ;;
    esac
    _cursor=$(printf '%s' "$1" | tr ':,' '=;')
    # From what is yet to come, as the clock was set back since, nothing would ever be shown.
    if [ "$_since" -gt "$((_now + AHEAD_SECONDS))" ] && ! has_entry "$_cursor"; then _since=$_now && set -- now; fi
    case $1 in
    now | since:*) put from "since:$_since" && _from=--since=@$_since ;;
    *) _from=--cursor=$_cursor ;;
    esac
    # By --after-cursor an entry is missed when it is filtered (systemd issue 30288), so the one at the cursor comes again.
    set -- --follow --no-tail --all --quiet --no-pager --output=json "$_from"
    for _writer in $WRITERS; do set -- "$@" "--identifier=$_writer"; done
    ourselves
    tick 2 "$ourselves" &
    exec journalctl "$@" 2>/dev/null
}
