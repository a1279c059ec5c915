# ---- which files are opened to be followed ----------------------------------------------------------------------

# Root could open anything, and in /var/log others may put things, too (Ubuntu's group syslog): they must lead us nowhere
# else. To open a pipe would wait for ever. A file that was asked for by its path may be anywhere and anybody's.

must_be_safe() { # FILE: fails, with what to do, if the log is there and must not be opened
    [ -e "$1" ] || return 0
    [ -f "$1" ] || fail "$1 is no regular file; remove it, and restart what writes the log, as a rule rsyslog"
    [ "$(id -u)" -ne 0 ] || [ ! -h "$1" ] || [ "$(stat -c %u "$1")" -eq 0 ] ||
        fail "$1 is a link, and not root's, so root does not follow it; if it is right: chown -h root $1"
}

must_be_log() { # FILE: the same of descriptor 3, which is that: nobody can put another in its place any more
    case $(id -u):$chosen in 0:/*) return 0 ;; 0:*) ;; *) return 0 ;; esac
    _opened=$(readlink /proc/self/fd/3)
    case $_opened in
    "$(readlink -f /var/log)"/*) ;;
    *)
        plain "$_opened"
        fail "$1 leads to $plain, outside of /var/log; if it is right, name that as login_log in the inventory"
        ;;
    esac
    _owner=$(stat -L -c %u /proc/self/fd/3)
    user_name "$_owner"
    case $user in root | syslog) ;; *) fail "$1 is $user's, so root does not follow it; if it is right: chown root $1" ;; esac
}
