# ---- follow a file ----------------------------------------------------------------------------------------------

# A position in a file is GENERATION:OFFSET:LENGTH:SUM:INODE:TIME. LENGTH and SUM (SHA-256, cut) are of its first bytes, at most
# HEAD_BYTES: they find it again under another name, compressed or copied, where its inode may be another file's by now.
# At OFFSET 0 they are of the file before it instead: the position is the beginning of whichever file came after that.
# GENERATION counts the files we went through. What we put:
#   zone +HHMM                       of stamps that name none
#   file POSITION                    what follows comes from there
#   from since:TIME                  only what is newer than that is wanted, up to:
#   live                             all that was there is put
#   data LENGTH SUM TIME NOW         a piece of it: lines of base64, then "."
#   gap TIME                         what was written since then may be lost: the file it was in is gone
#   an empty line                    we are here
HEAD_BYTES=256

follow_file() { # FILE POSITION
    log=$1 generation=0 offset=0 length=0 sum=0 inode=0 _now=$(date +%s) since=$_now
    command -v base64 >/dev/null 2>&1 || fail "base64 is missing, which coreutils and busybox have"
    put zone "$(date +%z)"
    case $2 in
    now) generation=$_now && look_at "$log" && offset=$size && enter "$log" ;;
    since:*) put from "$2" && generation=$_now since=${2#since:} && find_since && enter "$after" ;;
    *)
        read_position "$2" || fail "follow: GENERATION:OFFSET:LENGTH:SUM:INODE:TIME"
        resume
        ;;
    esac
    # tail only wakes us. Where the file is now, and whether it is the same, is looked up each time.
    {
        ourselves
        tick 1 "$ourselves" &
        exec tail -n 0 -F "$log"
    } 2>/dev/null | follow_on
}

follow_on() { # reads wake-ups; until nobody listens any more
    step
    put live
    while :; do
        _woken=$(dd bs=65536 count=1 2>/dev/null; echo .) 2>/dev/null
        case $_woken in
        .) must_be_safe "$log" && return 0 ;; # as tail ends by itself before what is no file
        '
.') printf '\n' ;;
        *) sleep 0.2 2>/dev/null || sleep 1 ;; # a log that never rests must not keep us busy
        esac
        step
    done
}

step() { # brings everything there is
    while :; do
        _now=$(date +%s)
        look_at /proc/self/fd/3
        [ "$size" -eq "$offset" ] || drain || { resume && continue; }
        since=$_now
        [ "$log" -ef /proc/self/fd/3 ] && return 0
        must_be_safe "$log"
        # Until something stands in the new file, the last one is still written to.
        [ -s "$log" ] || ! is_last || return 0
        drain || { resume && continue; }
        next
    done
}

is_last() { # true if nothing but the log itself came after descriptor 3, as far as can be told
    [ "$log.1" -ef /proc/self/fd/3 ] || ! find_ours 3 || [ "$after" = "$log" ]
}

drain() { # puts what descriptor 3 has from $offset on; false if that is not, or no longer, where we are
    while :; do
        _from=$offset _length=$length _sum=$sum
        _data=$(dd bs=65536 count=4 <&3 2>/dev/null | base64)
        read -r _ offset </proc/self/fdinfo/3
        if is_ours && note_head && look_at /proc/self/fd/3 && [ "$offset" -le "$size" ]; then
            [ -n "$_data" ] || return 0
            put_data
            [ "$offset" -lt "$size" ] || return 0
        else
            offset=$_from length=$_length sum=$_sum
            return 1
        fi
    done
}

is_ours() { # true if descriptor 3 is where we were at $_from
    if [ "$_from" -gt 0 ]; then begins_as_ours /proc/self/fd/3; else is_after_ours; fi
}

is_after_ours() { # true if descriptor 3 is the file after the one that begins as ours, or that is gone
    if [ "$length" -eq 0 ]; then find_since; else find_ours 4 || return 0; fi
    [ "$after" -ef /proc/self/fd/3 ]
}

put_data() {
    put data "$length" "$sum" "$since" "$_now"
    printf '%s\n.\n' "$_data"
}

read_position() { # POSITION: sets what it holds
    _rest=$1
    for _name in generation offset length sum inode since; do
        _value=${_rest%%:*} _rest=${_rest#*:}
        case $_name:$_value in
        sum:*[!0-9a-f]* | inode:*[!0-9]*) return 1 ;;
        sum:?* | inode:?*) ;; # an inode may be too large for the shell to count with
        *) is_number "$_value" 999999999999999999 || return 1 ;;
        esac
        eval "$_name=\$_value"
    done
}

# ---- which file it is now

look_at() { # FILE: sets $size and $number, its inode; false if there is none
    _looked=$(stat -L -c '%s %i' "$1" 2>/dev/null) || { size=0 number=0 && return 1; }
    size=${_looked% *} number=${_looked#* }
}

unpacked() { # NAME: what standard input holds, compressed as the name says
    case $1 in
    *.gz) gzip -dc ;;
    *.xz) xz -dc ;;
    *.bz2) bzip2 -dc ;;
    *.zst) zstd -dcq ;;
    *) cat ;;
    esac 2>/dev/null
}

note_head() { # sets $length and $sum, of the first bytes of descriptor 3, where there is more to know now
    [ "$offset" -gt 0 ] || return 0
    [ "$_from" -eq 0 ] || [ "$length" -lt "$HEAD_BYTES" ] || return 0
    length=$offset
    [ "$length" -le "$HEAD_BYTES" ] || length=$HEAD_BYTES
    sum=$(head_sum '' </proc/self/fd/3)
}

head_sum() { # NAME: of the first $length bytes of standard input
    _sum=$(unpacked "$1" | head -c "$length" | sha256sum)
    printf '%.16s' "$_sum"
}

begins_as_ours() { # FILE
    # shellcheck disable=SC2094 # only its name is needed, too
    [ "$length" -gt 0 ] && [ -f "$1" ] && [ -r "$1" ] && [ "$(head_sum "$1" <"$1")" = "$sum" ]
}

older() { # the files that the log was before, the newest first, one a line
    if [ -h "$log" ]; then # to a file with a number or a date in its name, as a rule
        _real=$(readlink -f "$log")
        _shape=$(printf '%s' "${_real##*/}" | sed 's/[0-9][0-9]*/[0-9]*/g')
        case $_shape in *[!]A-Za-z0-9._*[-]*) return 0 ;; esac
        # shellcheck disable=SC2086 # a pattern
        set -- "${_real%/*}"/$_shape
    else
        set -- "$log".* "$log"-*
    fi
    for _one; do
        case $_one in *[!A-Za-z0-9/._-]*) continue ;; esac
        [ -f "$_one" ] && [ ! -h "$_one" ] && [ -s "$_one" ] && ! [ "$_one" -ef "$log" ] || continue
        _stem=$_one
        # While it is being compressed, both are there, and one of them is not whole.
        case $_one in *.gz | *.xz | *.bz2 | *.zst) _stem=${_one%.*} && [ ! -e "$_stem" ] || continue ;; esac
        _mark=${_stem#"$log"?}
        if is_number "$_mark" 9999; then printf '1 %04d %s\n' "$((9999 - _mark))" "$_one"; else
            printf '0 %s %s\n' "${_stem##*/}" "$_one"
        fi
    done | sort -r | cut -d ' ' -f 3
}

find_ours() { # [DESCRIPTOR]: sets $found, the older file that is open there, or else begins as ours, and $after, the next
    after=$log
    for _one in ${1:+$(older)}; do
        [ "$_one" -ef "/proc/self/fd/$1" ] && found=$_one && return 0
        after=$_one
    done
    [ "$length" -gt 0 ] || { after=$log && return 1; }
    find_by_time && return 0
    for _try in 1 2 3 4; do # names change while we look
        after=$log
        for _one in $(older); do
            begins_as_ours "$_one" && found=$_one && return 0
            after=$_one
        done
        sleep 0.2 2>/dev/null || sleep 1
    done
    after=$log
    return 1
}

find_by_time() { # as find_ours, but tries only the two files between which $since is: as a rule it is one of them
    # shellcheck disable=SC2046 # names of harmless characters
    set -- $(older)
    [ "$#" -gt 0 ] || return 1
    _newer=$log _newest=$log
    for _one in $(stat -c '%Y:%n' "$@" 2>/dev/null); do
        [ "${_one%%:*}" -gt "$since" ] || break
        _newest=$_newer _newer=${_one#*:}
    done
    found=${_one#*:} after=$_newer
    begins_as_ours "$found" && [ "$found" != "$after" ] && return 0
    found=$_newer after=$_newest
    [ "$found" != "$log" ] && begins_as_ours "$found"
}

find_since() { # sets $after, the oldest file that was written to after $since, or the log
    after=$log
    for _one in $(older); do
        [ "$(stat -c %Y "$_one")" -gt "$since" ] && after=$_one || return 0
    done
}

resume() { # goes on at $offset of the file that begins as ours, or at the beginning of the one after it, whatever its name
    exec 4<&-
    if [ "$offset" -eq 0 ]; then
        if [ "$length" -eq 0 ]; then find_since; else find_ours || lose; fi
        enter "$after"
    elif look_at "$log" && [ "$size" -ge "$offset" ] && begins_as_ours "$log"; then
        enter "$log"
    elif find_ours; then
        enter "$found"
    else
        lose
        enter "$after"
    fi
}

lose() { # the file is gone that we were in, or behind
    [ "$offset" -eq 0 ] && look_at "$log" && [ "$number" = "$inode" ] && return 0 # but not the one after it
    put gap "$since"
    generation=$((generation + 1)) offset=0 length=0
    find_since
}

next() { # goes on at the beginning of the file that came after ours
    find_ours 3
    exec 4<&3
    generation=$((generation + 1)) offset=0
    enter "$after"
}

enter() { # FILE: goes on there from $offset, as descriptor 3; a compressed one grows no more, so on to the next
    must_be_safe "$1"
    [ -r "$1" ] && exec 3<"$1" || fail "$1 cannot be read (any more)"
    must_be_log "$1"
    case $1 in
    *.gz | *.xz | *.bz2 | *.zst)
        # Names may have changed since they were looked up.
        if [ "$offset" -gt 0 ]; then begins_as_ours "$1"; else is_after_ours; fi && [ "$1" -ef /proc/self/fd/3 ] ||
            { resume && return 0; }
        put_position
        bring "$1"
        next
        ;;
    *)
        look_at /proc/self/fd/3 && inode=$number
        # Without a byte read: both dd seek where they can.
        dd bs=1048576 "skip=$((offset / 1048576))" count=0 <&3 >/dev/null 2>&1
        dd bs=1 "skip=$((offset % 1048576))" count=0 <&3 >/dev/null 2>&1
        _from=0
        [ "$length" -gt 0 ] || note_head
        put_position
        ;;
    esac
}

put_position() { put file "$generation:$offset:$length:$sum:$inode:$since"; }

bring() { # FILE: puts what descriptor 3, which is that, has from $offset on
    length=$HEAD_BYTES
    sum=$(head_sum "$1" </proc/self/fd/3)
    unpacked "$1" <&3 | tail -c "+$((offset + 1))" |
        while _data=$(dd bs=65536 count=4 2>/dev/null | base64) && [ -n "$_data" ]; do put_data; done
}
