# shellcheck shell=sh disable=SC2034,SC2154
# A download into a file; needs fetch.sh and files.sh. Variables: dest, force, algorithm and checksum (of what is to
# come; unset for anything).

get_url() {
    begin "$dest"
    dest=$expanded since='' into=''
    if [ -d "$dest" ]; then
        into=1
    elif [ -e "$dest" ]; then
        if [ -n "$checksum" ] && [ -z "$force" ]; then
            digest "$dest" "$algorithm"
            if [ "$digest" = "$checksum" ]; then
                get_url_there exists
                return
            fi
        elif [ -z "$force" ]; then
            since=$(LC_ALL=C date -u -r "$dest" '+%a, %d %b %Y %H:%M:%S GMT')
        fi
    fi
    fetch_begin
    # A file that is not there will be new whatever it holds; for all else only the content can tell.
    if [ -n "$check" ] && [ ! -e "$dest" ]; then fetch HEAD; else fetch GET "$since"; fi
    if [ "$status" = 304 ]; then
        get_url_there modified
        return
    fi
    say length "$length"
    if [ -n "$into" ]; then
        fetch_named
        dest=${dest%/}/$name
    fi
    say path "$dest"
    get_url_place
}

# get_url_there WHY: the file stays, with the attributes asked for.
get_url_there() {
    say there "$1"
    apply "$dest"
    look "$dest"
    tell "$dest"
    say changed "$altered"
}

get_url_place() {
    body=$scratch/body
    say src "$body"
    digest "$body"
    new=$digest old=''
    say checksum_src "$new"
    if [ -e "$dest" ]; then
        [ -r "$dest" ] || fail "Destination $dest is not readable"
        digest "$dest"
        old=$digest
        say checksum_dest "$old"
    else
        case $dest in */*) folder=${dest%/*}/ ;; *) folder=. ;; esac
        [ -d "$folder" ] || fail "Destination ${folder%/} does not exist"
    fi
    if [ -n "$check" ]; then
        [ "$new" = "$old" ] || altered=1
        look "$dest" || is_line=
        tell "$dest"
        say changed "$altered"
        return
    fi
    if [ -n "$checksum" ]; then
        digest "$body" "$algorithm"
        [ "$digest" = "$checksum" ] ||
            fail "The checksum for $url did not match $checksum; it was ${digest:-not to be had, for want of ${algorithm}sum}."
    fi
    if [ "$new" = "$old" ]; then
        apply "$dest"
    else
        sha1=$new
        put "$dest" cat "$body"
        altered=1
    fi
    digest "$dest" md5
    say md5sum "$digest"
    look "$dest"
    tell "$dest"
    say changed "$altered"
}

# get_text: the whole of $url on standard output.
get_text() {
    fetch_begin
    fetch GET
    cat "$scratch/body"
}
