# shellcheck shell=sh disable=SC2034,SC2088,SC2154
# What all modules that touch files share. The functions read the common file arguments as variables, unset when not
# given: owner, group, mode (octal, or clauses as ownership.py writes them), attributes, seuser, serole, setype, selevel,
# unsafe_writes, validate (words), backup, and of the task: check, diff, token (random, unguessable).

newline='
'

# fail TEXT: end the program; the task fails with TEXT and what was said on standard error.
fail() {
    say failed "$1"
    exit 1
}

# begin PATH: before all else in a program. Forgets what the task's environment may have left in our variables; $expanded
# is PATH as `expand` gives it, with ./ before a leading dash, so that no program takes it for an option.
begin() {
    fresh='' altered='' mask='' exists='' model='' backup_of='' looked_at='' new_too=''
    expand "$1"
    case $expanded in -*) expanded=./$expanded ;; esac
}

# expand PATH: $expanded is PATH with ~, ~user and $NAME replaced, as os.path.expanduser and expandvars do.
expand() {
    expanded=$1
    case $expanded in
        '~' | '~/'*) expanded=$HOME${expanded#?} ;;
        '~'*)
            user=${expanded#?}
            user=${user%%/*}
            if entry_of passwd "$user"; then
                listed=${listed#*:*:*:*:*:}
                expanded=${listed%%:*}${expanded#"~$user"}
            fi
            ;;
    esac
    case $expanded in *'$'*) expand_variables ;; esac
}

expand_variables() {
    rest=$expanded
    expanded=
    while :; do
        case $rest in *'$'*) ;; *) break ;; esac
        expanded=$expanded${rest%%'$'*}
        rest=${rest#*'$'}
        case $rest in
            '{'*'}'*)
                name=${rest#?}
                name=${name%%'}'*}
                after=${rest#*'}'}
                ;;
            *)
                name=${rest%%[!A-Za-z0-9_]*}
                after=${rest#"$name"}
                ;;
        esac
        case $name in
            '' | [0-9]* | *[!A-Za-z0-9_]*) expanded=$expanded\$ ;;
            *)
                if eval "[ \"\${$name+set}\" ]"; then
                    eval "expanded=\$expanded\$$name"
                    rest=$after
                else
                    expanded=$expanded\$
                fi
                ;;
        esac
    done
    expanded=$expanded$rest
}

# entry_of DATABASE NAME: $listed, the line of passwd or group for NAME; false when there is none.
entry_of() {
    if command -v getent >/dev/null 2>&1; then
        listed=$(getent "$1" "$2" 2>/dev/null)
        return
    fi
    while IFS= read -r listed; do
        [ "${listed%%:*}" != "$2" ] || return 0
    done <"/etc/$1"
    return 1
}

# number_of DATABASE NAME: $number, the id of the user or group NAME, which may be a number itself.
number_of() {
    case $2 in
        *[!0-9]*) ;;
        ?*)
            number=$2
            return
            ;;
    esac
    entry_of "$1" "$2" || return
    number=${listed#*:*:}
    number=${number%%:*}
}

# look PATH [-L]: what PATH is (with -L what it points to), as is_*; false when there is nothing.
look() {
    looked_at=
    is_line=$(stat ${2+-L} -c '%f:%u:%g:%s:%h:%i:%d:%U:%G' "$1" 2>/dev/null) || return
    looked
    looked_at=${2-$1}
}

# glance PATH: look, unless that is what was done last and nothing has been changed since.
glance() {
    [ "$looked_at" = "$1" ] || look "$1"
}

# looked: is_line, split at its colons.
looked() {
    looked_at=
    IFS=:
    set -f
    # shellcheck disable=SC2086
    set -- $is_line
    set +f
    unset IFS
    is_mode=$((0x$1 & 07777)) is_type=$((0x$1 & 0170000)) is_uid=$2 is_gid=$3 is_size=$4 is_links=$5 is_inode=$6:$7
    is_owner=$8 is_group=$9
}

# tell PATH: report what was looked at last, as PATH; only the name when is_line is empty.
tell() {
    say path "$1"
    [ -z "$is_line" ] || say stat "$is_line"
}

# differ WHAT BEFORE AFTER: something is, or would be, changed; only the diff shows how.
differ() {
    altered=1 looked_at=
    [ -z "$diff" ] || {
        say "before.$1" "$2"
        say "after.$1" "$3"
    }
}

# resolve PATH: $resolved is PATH without symbolic links in it.
resolve() {
    resolved=$(readlink -f "$1" && echo .) || fail "could not follow the symbolic link $1"
    resolved=${resolved%??}
}

# wanted BITS TYPE: $want is what $mode makes of the permission BITS of a file of TYPE (both numbers).
# The rules are those of Ansible's AnsibleModule._symbolic_mode_to_octal.
wanted() {
    want=$1
    case $mode in
        '') return ;;
        [0-7]*)
            want=$((0$mode))
            return
            ;;
    esac
    for clause in $mode; do
        kept=07777
        case $clause in
            '~'*)
                kept=$((~${mask:=$(umask)} & 07777))
                clause=${clause#?}
                ;;
        esac
        case $clause in
            u*) by=6 special=04000 ;;
            g*) by=3 special=02000 ;;
            *) by=0 special=01000 ;;
        esac
        bits=0
        letters=${clause#??}
        while [ -n "$letters" ]; do
            case $letters in
                r*) bit=$((4 << by & kept)) ;;
                w*) bit=$((2 << by & kept)) ;;
                x*) bit=$((1 << by & kept)) ;;
                X*) bit=$((($2 == 0040000 || (want & 0111)) << by)) ;;
                s*) bit=$((by ? special : 0)) ;;
                t*) bit=$((by ? 0 : special)) ;;
                u*) bit=$(((want >> 6 & 7) << by)) ;;
                g*) bit=$(((want >> 3 & 7) << by)) ;;
                *) bit=$(((want & 7) << by)) ;;
            esac
            bits=$((bits | bit))
            letters=${letters#?}
        done
        case $clause in
            ?=*) want=$((want & ~(7 << by | special) | bits)) ;;
            ?+*) want=$((want | bits)) ;;
            *) want=$((want & ~bits)) ;;
        esac
    done
}

# octal BITS: $octal is the mode with five digits: with fewer, GNU chmod would keep a folder's setuid and setgid bits.
octal() {
    octal=0$(($1 >> 9 & 7))$(($1 >> 6 & 7))$(($1 >> 3 & 7))$(($1 & 7))
}

# wish UID GID: $want_uid and $want_gid are those that $owner and $group name, else UID and GID.
wish() {
    want_uid=$1 want_gid=$2
    if [ -n "$owner" ]; then
        number_of passwd "$owner" || abandon "chown failed: failed to look up user $owner"
        want_uid=$number
    fi
    if [ -n "$group" ]; then
        number_of group "$group" || abandon "chgrp failed: failed to look up group $group"
        want_gid=$number
    fi
}

# apply PATH: give it the owner, group, mode and so on asked for; altered=1 when any was different. In check mode
# nothing is done.
apply() {
    if glance "$1"; then
        adjust "$1"
    else
        [ -n "$check" ] || fail "could not look at $1"
        altered=1
    fi
}

# adjust PATH: `apply` to what was looked at last. Does not follow a link: its owner is its own, a mode it has none.
adjust() {
    apply_context "$1"
    owned=
    if [ "${owner:-$is_owner}" != "$is_owner" ] || [ "${group:-$is_group}" != "$is_group" ]; then
        wish "$is_uid" "$is_gid"
        [ "$want_uid" = "$is_uid" ] || differ owner "$is_uid" "$want_uid"
        [ "$want_gid" = "$is_gid" ] || differ group "$is_gid" "$want_gid"
        if [ "$want_uid:$want_gid" != "$is_uid:$is_gid" ] && [ -z "$check" ]; then
            chown -h "$want_uid:$want_gid" "$1" || fail "chown failed"
            owned=1
        fi
    fi
    if [ -n "$mode" ] && [ "$is_type" -ne $((0120000)) ]; then
        wanted "$is_mode" "$is_type"
        if [ "$want" -ne "$is_mode" ]; then
            octal "$is_mode"
            octal_before=$octal
            octal "$want"
            differ mode "${octal_before#?}" "${octal#?}"
        fi
        # chown takes the setuid and setgid bits away.
        if [ -z "$check" ] && { [ "$want" -ne "$is_mode" ] || [ -n "$owned" ]; }; then
            octal "$want"
            chmod "$octal" "$1" || fail "chmod failed"
        fi
    fi
    [ -z "$attributes" ] || apply_attributes "$1"
}

# apply_attributes PATH: those of chattr, with Ansible's comparison.
apply_attributes() {
    has=$(lsattr -d "$1" 2>/dev/null)
    has=${has%% *}
    flags=
    while [ -n "$has" ]; do
        letter=${has%"${has#?}"}
        has=${has#?}
        [ "$letter" = - ] || flags=$flags$letter
    done
    case $attributes in
        [-+]*) sign=${attributes%"${attributes#?}"} ask=${attributes#?} ;;
        *) sign='=' ask=$attributes ;;
    esac
    [ -n "$ask" ] && { [ "$flags" != "$ask" ] || [ "$sign" = - ]; } || return 0
    differ attributes "$flags" "$sign$ask"
    [ -n "$check" ] || chattr "$sign$ask" "$1" || fail "chattr failed"
}

# apply_context PATH: the parts of the SELinux context that are asked for, on hosts that have SELinux.
apply_context() {
    [ -n "$seuser$serole$setype$selevel" ] && [ -e /sys/fs/selinux/enforce ] || return 0
    context=$(stat -c %C "$1") || fail "could not read the SELinux context of $1"
    rest=${context#*:*:}
    level=${rest#*:}
    now=${context%%:*}
    wish_context=${seuser:-$now}
    now=${context#*:}
    wish_context=$wish_context:${serole:-${now%%:*}}:${setype:-${rest%%:*}}:${selevel:-$level}
    [ "$wish_context" != "$context" ] || return 0
    differ secontext "$context" "$wish_context"
    [ -n "$check" ] || chcon -h "$wish_context" "$1" || fail "chcon failed"
}

# make_folders PATH: PATH and its missing parents; each new one gets owner, group, mode and so on.
make_folders() {
    [ ! -d "$1" ] || return 0
    case $1 in
        */)
            make_folders "${1%/}"
            return
            ;;
        ?*/*) make_folders "${1%/*}" ;;
    esac
    mkdir "$1" || [ -d "$1" ] || fail "There was an issue creating $1 as requested"
    apply "$1"
    altered=1
}

# digest PATH [ALGORITHM]: $digest, in hex, of the file's content (sha1); empty when it cannot be read.
digest() {
    digest=
    [ -r "$1" ] || return
    digest=$("${2:-sha1}sum" 2>/dev/null <"$1") || digest=$(openssl dgst "-${2:-sha1}" -r 2>/dev/null <"$1") || {
        digest=
        return 1
    }
    digest=${digest%%[ *]*}
}

# show PATH: its content on standard output for the diff, unless it is larger than a diff shows (in bytes).
show() {
    [ -n "$diff" ] && [ -f "$1" ] || return 0
    look "$1" -L || return 0
    say existed 1
    if [ "$is_size" -gt "${show_at_most:-104448}" ]; then
        say before_larger 1
    else
        cat "$1"
    fi
}

# receive [SIZE]: standard input, or exactly SIZE bytes of it, to standard output, and that to the disk.
receive() {
    if [ -z "$1" ]; then
        dd bs=65536 conv=fsync
    elif [ "$1" -gt 0 ]; then
        # One block as large as the content: smaller ones could not end exactly where it does.
        dd bs="$1" count=1 iflag=fullblock conv=fsync
    fi
}

# abandon TEXT: fail, and leave no unfinished file behind.
abandon() {
    [ -z "$fresh" ] || rm -f "$fresh"
    fail "$1"
}

# put PATH COMMAND...: make what COMMAND writes the content of PATH: written beside it under a name nobody can guess,
# checked against $size or else $sha1, given the old file's owner, mode and ACL and then what is asked for, validated, and renamed.
# A symbolic link is replaced, not followed. After it is_* tell of the new file. $new_too asks whether a new
# file got other attributes than by itself. When $model is set, the new file takes
# that one's time of modification, and its mode instead of the old one's owner and mode.
put() {
    path=$1
    shift
    case $path in
        */*) fresh=${path%/*}/.$token ;;
        *) fresh=.$token ;;
    esac
    case ${validate:+${path##*/}} in ?*.*) fresh=$fresh.${path##*.} ;; esac
    mask=$(umask)
    umask 077
    # Refuses a name that exists, be it a dangling link (O_EXCL).
    set -C
    { put_fresh "$@"; } 7>"$fresh" || fail "could not write beside $path"
    umask "$mask"
    put_backup
    if [ -d "$path" ]; then
        [ -L "$path" ] || abandon "$path has become a directory"
        rm -f "$path"
    fi
    if ! mv -f "$fresh" "$path"; then
        [ -n "$unsafe_writes" ] || abandon "Could not replace $path"
        cat "$fresh" >"$path" || abandon "Could not write data to $path"
        rm -f "$fresh"
        apply "$path"
    fi
    fresh=
    if [ -z "$exists" ] && [ -e /sys/fs/selinux/enforce ]; then restorecon "$path"; fi
    if [ -n "$attributes$seuser$serole$setype$selevel" ]; then apply "$path"; fi
}

put_fresh() {
    set +C
    # The file by its descriptor: whoever owns the folder could put a link in its place to have that changed instead.
    held=/proc/self/fd/7
    [ -e "$held" ] || held=$fresh
    complaint=$("$@" 2>&1 >&7) || abandon "could not write beside $path: ${complaint%%"$newline"*}"
    if [ -n "$sha1" ] && [ -z "$size" ]; then
        digest "$held"
        [ "$digest" = "$sha1" ] || abandon "Copied file does not match the expected checksum. Transfer failed."
    fi
    exists=
    if [ -e "$path" ] && [ ! -L "$path" ] && look "$path"; then exists=1; fi
    if [ -n "$model" ]; then
        look "$model" -L
        touch -c -r "$model" "$held"
        # Ansible makes an empty file of a link first, and that it then replaces.
        if [ -L "$path" ]; then exists=1; fi
    fi
    if [ -n "$exists" ] && [ -z "$model" ]; then
        # GNU cp keeps ACLs, too.
        cp --attributes-only --preserve=mode,ownership "$path" "$held" 2>/dev/null || {
            chown "$is_uid:$is_gid" "$held" 2>/dev/null
            octal "$is_mode"
            chmod "$octal" "$held"
        }
        [ ! -e /sys/fs/selinux/enforce ] || chcon --reference="$path" "$held"
    elif [ -z "$exists" ]; then
        is_mode=$((0666 & ~mask)) is_type=$((0100000))
    fi
    if [ -z "$exists" ] && [ -n "$new_too" ]; then put_differs; fi
    if [ -n "$owner$group" ] && ! chown "$owner${group:+:$group}" "$held"; then
        wish '' ''
        abandon "chown failed"
    fi
    wanted "$is_mode" "$is_type"
    if [ -z "$exists" ] || [ -n "$owner$group$mode$model" ]; then
        octal "$want"
        chmod "$octal" "$held" || abandon "chmod failed"
    fi
    if [ -n "$validate" ]; then put_validate; fi
    look "$fresh" || abandon "could not look at $fresh"
    [ -z "$size" ] || [ "$is_size" -eq "$size" ] || abandon "Copied file does not have the expected size. Transfer failed."
}

# put_differs: whether a new file is to have another owner or mode than it would by itself.
put_differs() {
    wanted "$is_mode" "$is_type"
    [ "$want" -eq "$is_mode" ] || say adjusted 1
    [ -n "$owner$group" ] || return 0
    wish '' ''
    own_mode=$is_mode own_type=$is_type
    look "$held" -L
    [ "${want_uid:-$is_uid}:${want_gid:-$is_gid}" = "$is_uid:$is_gid" ] || say adjusted 1
    is_mode=$own_mode is_type=$own_type
}

put_validate() {
    eval "set -- $validate"
    for word; do
        shift
        case $word in *%s*) word=${word%%'%s'*}$fresh${word#*'%s'} ;; esac
        set -- "$@" "$word"
    done
    # It gets none of our descriptors: what it leaves running must not be able to speak for us.
    said=$(
        exec 5>&1
        complaint=$("$@" 2>&1 >&5 5>&- 7>&- 9>&-)
        code=$?
        printf '|%s|%s' "$token" "$complaint"
        exit "$code"
    ) || {
        say validate_rc $?
        say validate_stdout "${said%"|$token|"*}"
        say validate_stderr "${said##*"|$token|"}"
        abandon "failed to validate"
    }
}

# put_backup: keep the file that is about to be replaced, under Ansible's name (of $backup_of, when set). A second name for it is a perfect copy.
put_backup() {
    [ -n "$backup" ] && [ -e "$path" ] || return 0
    kept=${backup_of:-$path}.$$.$(date +%Y-%m-%d@%H:%M:%S~)
    if [ -L "$path" ] || [ -n "$unsafe_writes" ] || ! ln "$path" "$kept" 2>/dev/null; then
        cp -p "$path" "$kept" || abandon "Could not make backup of $path to $kept"
    fi
    say backup_file "$kept"
}
