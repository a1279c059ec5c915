# ---- follow -----------------------------------------------------------------------------------------------------

# The answer to follow has no end: after its first lines, "note TEXT" where there is something to say of the choice, "source
# NAME" and what is said of the start, come the entries of the journal as journalctl prints them, or what 82-logfile.sh puts;
# of the source "keys", what 84-keys.sh does. Every TICK_SECONDS an empty line on standard error shows that we are here,
# and lets us find out that nobody listens any more. By itself this ends only then, or to have the log chosen anew: when
# journald has ended, and after AGAIN_TICKS where one should be and is not.
TICK_SECONDS=5
AGAIN_TICKS=120
LOGS='auth.log secure messages' # in /var/log
# Who writes about logins, as logins/patterns.toml has them; journald itself tells what it dropped.
WRITERS='adduser chpasswd cockpit-session cockpit-tls cockpit-ws deluser doas dropbear elogind elogind-daemon gdm
 gdm-autologin] gdm-fingerprint] gdm-password] gdm-smartcard] gdm3 gpasswd groupadd lightdm login lxdm passwd
 pkexec rsyslogd runuser sddm sddm-helper sshd sshd(pam_google_authenticator) sshd-auth sshd-session su su-l
 sudo sudo-rs systemd-journal systemd-journald systemd-logind useradd userdel usermod vsftpd xdm xrdp-sesman'

is_position() { # TEXT: now, ago:SECONDS, or where an answer of ours said that we were, which may be since:SECONDS
    case $1 in '' | *[!A-Za-z0-9:,.-]*) return 1 ;; since:* | ago:*) is_number "${1#*:}" 9999999999 || return 1 ;; esac
    [ "${#1}" -le 512 ]
}

is_source() { # TEXT; a path is only ever asked for without root, as no request may hold a slash
    case $1 in /*[!A-Za-z0-9/._-]* | */..* | */) return 1 ;; /*) return 0 ;; esac
    case " auto journal keys $LOGS " in *" $1 "*) ;; *) return 1 ;; esac
}

verb_follow() { # auto|SOURCE SOURCE|none POSITION: POSITION is in the second, the one it was followed in before
    [ "$#" -eq 3 ] && is_position "$3" && is_source "$1" || fail "follow: auto|SOURCE SOURCE|none POSITION"
    if [ "$1" = keys ]; then
        put source keys
        follow_keys
    fi
    choose_log "$1"
    case $chosen in journal | /*) ;; *) must_be_safe "/var/log/$chosen" ;; esac
    [ -z "$dead" ] || put note "nobody writes $dead any more"
    put source "$chosen"
    case $2:$3 in
    *:ago:*) _position=since:$(($(date +%s) - ${3#ago:})) ;;
    "$chosen":* | *:since:*) _position=$3 ;;
    *) _position=now ;;
    esac
    case $chosen in
    journal) follow_journal "$_position" ;;
    /*) follow_file "$chosen" "$_position" ;;
    *) follow_file "/var/log/$chosen" "$_position" ;;
    esac
}

choose_log() { # auto|SOURCE: sets $chosen to the one that can be read; fails if there is none
    _there='' journald='' dead=''
    case $1 in
    /*)
        [ -f "$1" ] && [ -r "$1" ] || fail "$(id -un) may not read $1, or it is not there"
        chosen=$1
        return 0
        ;;
    esac
    for chosen in journal $LOGS; do
        [ "$1" = auto ] || [ "$1" = "$chosen" ] || continue
        _log=/var/log/$chosen
        [ "$chosen" != journal ] || { find_journal && _log=$journal; } || continue
        [ -e "$_log" ] || continue
        [ -r "$_log" ] && return 0
        _there="${_there:+$_there and }$_log"
    done
    [ -n "$_there" ] || [ -z "$dead" ] ||
        fail "nobody writes $dead any more, and there is no log of logins in /var/log; start journald, or install rsyslog"
    [ -n "$_there" ] || fail "there is no journal and no log of logins in /var/log; install rsyslog, or keep a journal"
    _group=adm
    grep -q '^systemd-journal:' /etc/group 2>/dev/null && _group=adm,systemd-journal
    fail "$(id -un) may not read $_there; bootstrap the host, or run as root: usermod -aG $_group $(id -un)"
}

ourselves() { # sets $ourselves, the process that runs this, where $$ is the one that began it all
    read -r ourselves _ </proc/self/stat
}

tick() { # STREAM PARENT: as a background job; until nobody reads the stream or the log is to be chosen anew, which ends
    # the parent, or that is gone
    trap '' PIPE
    _ticks=0
    while is_child "$2"; do
        printf '\n' >&"$1" && is_still_right || { is_child "$2" && kill "$2"; return 0; }
        _ticks=$((_ticks + 1))
        sleep "$TICK_SECONDS"
    done
}

is_still_right() { # false when journald has ended, or some minutes after there was none: it may be back
    [ -z "$journald" ] || [ -e "$journald" ] || return 1
    [ -z "$dead" ] || [ "$_ticks" -lt "$AGAIN_TICKS" ]
}

is_child() { # PID: true while that is our parent
    read -r _stat </proc/self/stat
    # shellcheck disable=SC2086 # numbers, after the name
    set -- "$1" ${_stat##*) }
    [ "$3" = "$1" ]
}
