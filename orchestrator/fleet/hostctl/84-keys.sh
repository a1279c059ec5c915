# ---- follow keys ------------------------------------------------------------------------------------------------

# Whose keys open which account. Every LOOK_SECONDS all files of keys are asked for their state, by one stat; after a
# change, and at the start, all of them are put:
#   look SCOPE               as root all accounts of /etc/passwd, as another only its own
#   root USER                who is root by the number of his account, whatever the scope
#   file USER whole|part     what it holds: lines of base64, then "."; cut after MAX_KEY_FILE bytes
#   unseen USER              whose files we may not read: root in a home on NFS, who is nobody there
#   looked
# Homes are their users' to arrange, so what is not a file is never opened, whose file it is is looked at, and no look
# takes long. Where AuthorizedKeysFile (sshd_config(5)) names others than the usual two, those are not seen.
LOOK_SECONDS=60
KEY_FILES='authorized_keys authorized_keys2' # in ~/.ssh
MAX_KEY_FILE=262144
MAX_ACCOUNTS=1000

follow_keys() { # until nobody listens
    for _tool in base64 timeout xargs; do command -v "$_tool" >/dev/null 2>&1 || fail "$_tool is missing"; done
    viewer=$(id -u) known_state=none
    while :; do
        # Without the last of it, the stat was ended before it was done.
        _state=$({ each_account put_paths && printf '/etc/passwd\0'; } |
            xargs -0 timeout -s KILL 10 stat -L -c '%n %i %s %u %y %z' 2>/dev/null)
        case "
$_state" in
        *"
/etc/passwd "*) ;;
        *) fail "/etc/passwd has more than $MAX_ACCOUNTS accounts, or a home in it does not answer" ;;
        esac
        [ "$_state" = "$known_state" ] || put_look
        known_state=$_state _left=$LOOK_SECONDS
        while [ "$_left" -gt 0 ]; do
            printf '\n'
            sleep "$TICK_SECONDS"
            _left=$((_left - TICK_SECONDS))
        done
    done
}

is_closed() { [ -d "$1" ] && [ ! -x "$1" ]; } # FOLDER

is_for_all() { # PATH MODE: whether everybody may come to that file, and read it
    case $1:$2 in /*:*[4567]) ;; *) return 1 ;; esac
    [ -f "$1" ] || return 1 # it is deleted, or never had a name
    _folder=${1%/*}
    while [ -n "$_folder" ]; do
        case $(timeout -s KILL 5 stat -c %a "$_folder") in *[1357]) ;; *) return 1 ;; esac
        _folder=${_folder%/*}
    done
}

each_account() { # FUNCTION: calls it with USER UID FOLDER, that of the keys; false if there are too many
    _room=$MAX_ACCOUNTS
    while IFS=: read -r _user _ _uid _ _ _home _ || [ -n "$_user" ]; do
        case $_user:$_home in *[[:cntrl:]]* | :* | *:[!/]* | *:) continue ;; esac
        [ "$viewer" = 0 ] || [ "$_uid" = "$viewer" ] || continue
        [ "$_room" -gt 0 ] || return 1
        _room=$((_room - 1))
        "$1" "$_user" "$_uid" "${_home%/}/.ssh"
    done </etc/passwd
}

put_paths() { # USER UID FOLDER
    for _name in $KEY_FILES; do printf '%s\0' "$3/$_name"; done
}

put_look() {
    _scope=all
    [ "$viewer" = 0 ] || _scope=$(id -un)
    put look "$_scope"
    put_roots
    each_account put_keys
    put looked
}

put_roots() {
    while IFS=: read -r _user _ _uid _ || [ -n "$_user" ]; do
        case $_user:$_uid in :* | *: | *:*[!0]* | *[[:cntrl:]]*) continue ;; esac
        put root "$_user"
    done </etc/passwd
}

# What is in a home can become something else at any moment, so a file is judged once it is open: whose it is, its size and
# mode, and where it is. Its content follows, and a "." if that was all.
# shellcheck disable=SC2016 # a program of its own
READ_OPENED='exec 3<"$1" && [ -f /proc/self/fd/3 ] && stat -L -c "%u %s %a" /proc/self/fd/3 &&
    readlink /proc/self/fd/3 | tr "\n" "?" && echo && head -c "$2" <&3 | base64 && echo .'

put_keys() { # USER UID FOLDER
    ! is_closed "${3%/*}" && ! is_closed "$3" || { put unseen "$1" && return 0; }
    for _name in $KEY_FILES; do
        [ -f "$3/$_name" ] || continue
        _opened=$(timeout -s KILL 5 sh -c "$READ_OPENED" sh "$3/$_name" "$MAX_KEY_FILE" 2>/dev/null)
        case $_opened in *"
.") ;; *) put unseen "$1" && continue ;; esac
        _stat=${_opened%%"
"*} _opened=${_opened#*"
"}
        _path=${_opened%%"
"*} _opened=${_opened#*"
"}
        _path=${_path%?} _owner=${_stat%% *} _mode=${_stat##* } _size=${_stat#* } _size=${_size% *}
        # sshd takes a file of root's, too (StrictModes), if the user may read it: of others nothing gets out by a link.
        case $_owner in
        "$2") ;;
        0)
            _home=$(timeout -s KILL 5 readlink -f "${3%/*}")
            [ "$_path" = "$_home/.ssh/$_name" ] || is_for_all "$_path" "$_mode" || continue
            ;;
        *) continue ;;
        esac
        [ "$_size" -le "$MAX_KEY_FILE" ] && _size=whole || _size=part
        put file "$1" "$_size"
        printf '%s\n' "$_opened"
    done
}
