#!/bin/sh
# hostctl: the questions an orchestrator asks of a Linux host, and the few things it does there: free a port, end a
# session, drop what comes from an address.
#
# usage: hostctl version
#        hostctl vitals
#        hostctl ports
#        hostctl inspect   [--keep-ports N,N] PORT [tcp|udp]
#        hostctl close     [--keep-ports N,N] tcp|udp PORT PID:TICKS:INODE[,INODE]...
#        hostctl unit-stop [--keep-ports N,N] UNIT tcp|udp PORT
#        hostctl top
#        hostctl who
#        hostctl kick      PID:TICKS
#        hostctl block     ssh|local HEX:LENGTH SECONDS|permanent [--keep HEX,HEX]
#        hostctl unblock   HEX:LENGTH
#        hostctl blocks
#        hostctl follow    auto|journal|keys|FILE SOURCE|none POSITION
#        hostctl request   <<EOF
#        VERB ARGUMENT...
#        EOF
#
# Installed, it is run as root by a sudo rule that allows `request` and nothing else: sudoers(5) can only match arguments
# with wildcards, which match too much, so what is asked for comes over standard input and is judged here. `follow` without
# arguments is the same for that verb alone, which sudo must not end after a time.
# Also run from standard input (sh -s -- VERB ...), so it lives in functions and starts on its last line: a copy
# that was cut short does nothing. Answers are lines of tab-separated fields without control characters. The first is
# "hostctl FORMAT VERB", the last is "end"; an answer without it is not whole. "error TEXT" may come before the end.
# Everything is read from /proc alone: `ss -p` prints process names unescaped, so any user could forge an owner.
# A && B || fail: B is a test, too; names in /proc/PID/fd are numbers; every shell has -ef
# shellcheck disable=SC2015,SC2012,SC3013
set -u
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
IFS=$(printf ' \t\nx') IFS=${IFS%x}
export PATH LC_ALL
unset TIME_STYLE QUOTING_STYLE BLOCK_SIZE POSIXLY_CORRECT CDPATH ENV BASH_ENV

FORMAT=1
MAX_SOCKETS=4096
MAX_REQUEST=65536
TERM_SECONDS=5
KILL_SECONDS=2
TAB=$(printf '\tx') TAB=${TAB%x}

put() { # FIELD...: one line of the answer
    _line=$1
    shift
    for _field; do _line=$_line$TAB$_field; done
    printf '%s\n' "$_line"
}

fail() { # TEXT: an honest end without the answer
    put error "$1"
    put end
    exit 1
}

plain() { # TEXT: sets $plain, TEXT without control characters
    plain=$1
    case $plain in *[[:cntrl:]]*) plain=$(printf '%s' "$plain" | tr -d '\000-\037\177') ;; esac
}

slurp() { # FILE: sets $slurp, its lines joined by spaces, without a fork; false if it cannot be read
    slurp=
    [ -r "$1" ] || return 1
    while read -r _text || [ -n "$_text" ]; do slurp=$slurp$_text' '; done 2>/dev/null <"$1"
    [ -n "$slurp" ]
}

# ---- arguments ------------------------------------------------------------------------------------------------

is_number() { # TEXT LARGEST: a plain decimal from 0 to LARGEST, of at most 18 digits
    case $1 in '' | *[!0-9]* | 0?* | ???????????????????*) return 1 ;; esac
    [ "$1" -le "$2" ]
}

is_list() { # TEXT LARGEST: numbers separated by commas
    case $1 in '' | ,* | *, | *,,*) return 1 ;; esac
    _rest=$1,
    while [ -n "$_rest" ]; do
        is_number "${_rest%%,*}" "$2" || return 1
        _rest=${_rest#*,}
    done
}

is_port() { is_number "$1" 65535 && [ "$1" -gt 0 ]; }

is_protocol() { [ "$1" = tcp ] || [ "$1" = udp ]; }

is_unit() {
    case $1 in '' | [-.]* | *[!A-Za-z0-9:_.@\\-]*) return 1 ;; *?.service | *?.socket) ;; *) return 1 ;; esac
    [ "${#1}" -le 255 ]
}

is_target() { # PID:TICKS:INODE[,INODE]
    case $1 in *:*:*:* | *[!0-9:,]*) return 1 ;; *:*:*) ;; *) return 1 ;; esac
    _ticks=${1#*:} _ticks=${_ticks%%:*}
    is_number "${1%%:*}" 4194304 && is_number "$_ticks" 999999999999999999 && is_list "${1##*:}" 999999999999999999
}
