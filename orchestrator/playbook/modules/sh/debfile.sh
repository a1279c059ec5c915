# shellcheck shell=sh disable=SC2034,SC2154
# Packages that are files.

apt_describe() {
    for file; do
        fields=$(dpkg-deb --field "$file" Package Version Depends Pre-Depends Recommends) || return
        say file "$fields"
    done
}
