# ---- vitals -----------------------------------------------------------------------------------------------------

first_line() { # FILE KEY: "KEY its first line", nothing when it cannot be read
    _first=
    [ -r "$1" ] && read -r _first <"$1"
    plain "$_first"
    [ -z "$plain" ] || put "$2" "$plain"
}

disks() { # "disk BLOCK_BYTES BLOCKS FREE AVAILABLE MOUNT" for the root and each local file system; others could hang us
    awk '$3 ~ /^(ext[234]|xfs|btrfs|zfs|f2fs|jfs|bcachefs|reiserfs|vfat|exfat|ntfs3?|ubifs|nilfs2)$/ ||
         $2 == "/" { if (!seen[$1]++) print $2 }' /proc/mounts |
        while read -r _mount; do
            _path=$(printf '%b' "$(printf '%s\n' "$_mount" | sed 's/\\/\\0/g')") # spaces are \040 there
            [ -d "$_path" ] || continue # a single file bound into a container is no place of its own
            _usage=$(stat -f -c '%S %b %f %a' -- "$_path" 2>/dev/null) || continue
            # shellcheck disable=SC2086 # four numbers
            put disk $_usage "$_mount"
        done
}

verb_vitals() {
    first_line /proc/stat cpu
    sleep 0.4 2>/dev/null || sleep 1
    first_line /proc/stat cpu
    while read -r _key _value _; do
        case $_key in MemTotal: | MemAvailable:) put memory "${_key%:}" "$_value" ;; esac
    done </proc/meminfo
    first_line /proc/loadavg load
    first_line /proc/uptime uptime
    first_line /proc/sys/kernel/osrelease kernel
    first_line /proc/sys/kernel/random/boot_id boot
    put cpus "$(grep -c '^cpu[0-9]' /proc/stat)"
    for _file in /etc/os-release /usr/lib/os-release; do
        [ -r "$_file" ] || continue
        plain "$(sed -n 's/^PRETTY_NAME=//p' "$_file" | tr -d "\"'")"
        put system "$plain" && break
    done
    disks
}
