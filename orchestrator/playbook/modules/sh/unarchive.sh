# shellcheck shell=sh disable=SC2034,SC2154
# Unpacking; needs fetch.sh, tree.sh and files.sh. Variables: dest, creates, from (stdin, host or url), src, options
# (words), exclude and include (words), keep_newer, list_files.

unarchive() {
    if [ -n "$creates" ]; then
        begin "$creates"
        if [ -e "$expanded" ]; then
            say skipped 1
            return
        fi
    fi
    begin "$dest"
    dest=$expanded
    case $dest in /*) ;; *) dest=$PWD/$dest ;; esac
    [ -d "$dest" ] || fail "dest '$dest' must be an existing dir"
    [ -z "$ready" ] || return 0
    fetch_begin
    unarchive_source
    unarchive_kind
    trouble=$scratch/trouble
    unpacked=''
    unarchive_differs || { [ -n "$check" ] || unarchive_unpack; unpacked=1; }
    [ -z "$list_files" ] || cat "$scratch/names"
    altered='' adjusted=''
    if [ -z "$check" ] && [ -n "$owner$group$mode$attributes$seuser$serole$setype$selevel" ]; then unarchive_adjust; fi
    begin "$dest"
    look "$dest"
    tell "$dest"
    say changed "$unpacked$adjusted"
}

unarchive_source() {
    archive=$scratch/archive
    case $from in
        stdin)
            cat >"$archive" || fail "could not keep the archive in $scratch"
            digest "$archive"
            [ "$digest" = "$sha1" ] || fail "the archive did not arrive whole"
            ;;
        url)
            fetch GET
            mv "$scratch/body" "$archive"
            ;;
        host)
            begin "$src"
            archive=$expanded
            case $archive in /*) ;; *) archive=$PWD/$archive ;; esac
            [ -e "$archive" ] || fail "Source '$archive' does not exist"
            [ -r "$archive" ] || fail "Source '$archive' not readable"
            ;;
    esac
    [ -s "$archive" ] || fail "Invalid archive '$src', the file is 0 bytes"
}

# unarchive_kind: $handler, Ansible's word for it; $packed, what tar needs to read it; and the $names in it.
unarchive_kind() {
    tar='' times=%s:%Y
    # shellcheck disable=SC2046  # a word a byte
    set -- $(head -c 6 "$archive" | od -An -tx1)
    case $* in
        '50 4b '*) handler=ZipArchive ;;
        '1f 8b '*) handler=TgzArchive packed=-z ;;
        '42 5a 68 '*) handler=TarArchive packed=-j ;;
        'fd 37 7a 58 5a 00') handler=TarArchive packed=-J ;;
        '28 b5 2f fd '*) handler=TarArchive packed=--use-compress-program=zstd ;;
        *) handler=TarArchive packed= ;;
    esac
    say handler "$handler"
    if [ "$handler" = ZipArchive ]; then
        command -v unzip >/dev/null || fail "Failed to find handler for \"$src\": the host has no unzip"
        unzip -l "$archive" >/dev/null || fail "Failed to find handler for \"$src\": unzip could not handle the archive"
        gnu=''
        # busybox's unzip gives files the time at which it unpacks them.
        case $(unzip -v 2>/dev/null) in UnZip*) ;; *) times=%s ;; esac
        return
    fi
    for tar in gtar tar ''; do ! command -v "$tar" >/dev/null || break; done
    [ -n "$tar" ] || fail "Failed to find handler for \"$src\": the host has no tar"
    case $("$tar" --version 2>/dev/null) in 'tar (GNU tar)'*) gnu=1 ;; *) gnu='' ;; esac
    [ -n "$gnu" ] || [ -z "$keep_newer$exclude" ] || fail "keep_newer and exclude need GNU tar on the host"
}

# unarchive_tar VERB...: on this archive, with everything that was asked for.
unarchive_tar() {
    set -- "$@" ${packed:+"$packed"}
    if [ -n "$options" ]; then
        [ -z "$gnu" ] || set -- "$@" --show-transformed-names
        eval "set -- \"\$@\" $options"
    fi
    if [ -n "$exclude" ]; then
        eval "for word in $exclude; do set -- \"\$@\" \"--exclude=\${word%/}\"; done"
    fi
    eval "set -- \"\$@\" -f \"\$archive\" $include"
    LC_ALL=C "$tar" "$@"
}

# unarchive_zip FOLDER
unarchive_zip() {
    set -- "$1" -o
    [ -z "$keep_newer" ] || set -- "$@" -u
    eval "set -- \"\$@\" $options"
    folder=$1
    shift
    eval "set -- \"\$@\" \"\$archive\" ${exclude:+-x $exclude} $include -d \"\$folder\""
    unzip "$@"
}

# unarchive_zip_names: what is to be unpacked, in the order of the archive; not every unzip can tell.
unarchive_zip_names() {
    [ "$handler" = ZipArchive ] || return
    eval "unzip -Z1 \"\$archive\" $include ${exclude:+-x $exclude}"
}

# unarchive_differs: false when something is not as in the archive; what, is told for the diff.
unarchive_differs() {
    if [ -z "$gnu" ]; then
        unarchive_compare
        return
    fi
    unarchive_tar --list --quoting-style=literal >"$scratch/names" 2>"$trouble" || unarchive_unreadable
    [ -s "$scratch/names" ] || fail "Failed to find handler for \"$src\": tar found no files in it"
    set -- --diff -C "$dest"
    [ -z "$keep_newer" ] || set -- "$@" --keep-newer-files
    unarchive_tar "$@" >"$scratch/said" 2>&1
    same='Mod time differs|Size differs|Contents differ|Symlink differs|File type differs|Not linked to .*'
    same="$same|Warning: Cannot stat: No such file or directory|Invalid (owner|group)"
    if [ "$(id -u)" = 0 ]; then
        [ -n "$owner" ] || same="$same|Uid differs"
        [ -n "$group" ] || same="$same|Gid differs"
    fi
    [ -n "$mode" ] || same="$same|Mode differs"
    # With --strip-components, tar misses a file without a name.
    grep -E ": ($same)\$" "$scratch/said" | grep -v ': : Warning: ' >"$scratch/differences"
    [ -s "$scratch/differences" ] || return 0
    say differences "$(head -c 65536 "$scratch/differences")"
    return 1
}

unarchive_unreadable() {
    fail "Failed to find handler for \"$src\": could not read the archive: $(tail -n 3 "$trouble" | tr '\n' ' ')"
}

# unarchive_compare: where nothing can compare an archive with files, files can be compared with those it holds.
unarchive_compare() {
    whole=$scratch/whole
    mkdir "$whole"
    if [ "$handler" = ZipArchive ]; then
        unarchive_zip "$whole" >"$scratch/said" 2>"$trouble"
    else
        unarchive_tar -x -C "$whole" >"$scratch/said" 2>"$trouble"
    fi || unarchive_unreadable
    (cd "$whole" && find . ! -name . -print0) >"$scratch/all"
    (cd "$whole" && find . -type f -print0) >"$scratch/files"
    [ -s "$scratch/all" ] || fail "Failed to find handler for \"$src\": no files in it"
    unarchive_zip_names >"$scratch/names" 2>/dev/null || tr '\0' '\n' <"$scratch/all" | sed 's|^\./||' >"$scratch/names"
    unarchive_described "$whole" >"$scratch/wanted"
    unarchive_described "$dest" >"$scratch/there" 2>/dev/null
    if cmp -s "$scratch/wanted" "$scratch/there"; then return 0; fi
    say differences "$(diff "$scratch/there" "$scratch/wanted" 2>/dev/null | grep '^>' | head -c 65536)"
    return 1
}

# unarchive_described FOLDER: what all those files are in FOLDER, leaving out what is asked for anyway.
unarchive_described() {
    cd "$1" || return
    all=%F
    [ -n "$mode" ] || all=$all:%a
    [ -n "$owner" ] || all=$all:%u
    [ -n "$group" ] || all=$all:%g
    xargs -0 stat -c "$all:%N" <"$scratch/all"
    [ ! -s "$scratch/files" ] || {
        xargs -0 stat -c "$times:%n" <"$scratch/files"
        xargs -0 sha1sum <"$scratch/files"
    }
}

unarchive_unpack() {
    if [ "$handler" = ZipArchive ]; then
        unarchive_zip "$dest"
    else
        set -- -x -C "$dest"
        [ -z "$keep_newer" ] || set -- "$@" --keep-newer-files
        unarchive_tar "$@"
    fi >"$scratch/said" 2>"$trouble"
    rc=$?
    say extract_rc "$rc"
    say extract_out "$(head -c 65536 "$scratch/said")"
    say extract_err "$(head -c 65536 "$trouble")"
    [ "$rc" = 0 ] || fail "failed to unpack $src to $dest"
}

# unarchive_adjust: attributes of what was unpacked. A link in the archive must not lead to files elsewhere.
unarchive_adjust() {
    sed -e 's|^/*||' -e 's|/$||' -e '/^$/d' -e 's|^\./||' -e 's|^|./|' "$scratch/names" |
        grep -Ev '(^|/)\.\.(/|$)' >"$scratch/inside"
    # A folder at the top counts also where the archive does not name it.
    { sed -n 's|^\(\./[^/]*\)/.*|\1|p' "$scratch/inside"; cat "$scratch/inside"; } | sort -u >"$scratch/ours"
    sed -n 's|/[^/]*$||p' "$scratch/ours" | sort -u >"$scratch/folders"
    while IFS= read -r folder; do
        while [ "$folder" != . ]; do
            [ ! -L "$dest/$folder" ] || fail "$dest/$folder is a symbolic link: the attributes of files behind it are not touched"
            case $folder in */*) folder=${folder%/*} ;; *) break ;; esac
        done
    done <"$scratch/folders"
    adjust_names <"$scratch/ours"
    adjusted=$altered
}
