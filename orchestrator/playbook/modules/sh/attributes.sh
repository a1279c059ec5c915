# shellcheck shell=sh disable=SC2034,SC2088,SC2154
# What a file is, and what it is asked to be; what all modules that touch files share. The functions read the common file
# arguments as variables, unset when not given: owner, group, mode (octal, or clauses as ownership.py writes them),
# attributes, seuser, serole, setype, selevel, and of the task: check, diff.

newline='
'

# fail TEXT: end the program; the task fails with TEXT and what was said on standard error.
fail() {
    say failed "$1"
    exit 1
}

# abandon TEXT: fail, and leave no unfinished file behind.
abandon() {
    [ -z "$fresh" ] || rm -f "$fresh"
    fail "$1"
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
