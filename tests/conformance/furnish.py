"""What hosts of the trials have beside their image: a package repository in files and a small web server."""

from __future__ import annotations

from tests.lab import LabHost

_FURNISH = r"""
set -eu
mkdir -p /srv/repo /srv/www /srv/pack
package() {  # name version depends
    mkdir -p "/srv/pack/$1/DEBIAN" "/srv/pack/$1/usr/share/$1"
    echo "$2" >"/srv/pack/$1/usr/share/$1/version"
    {
        printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Lab <lab@example.org>\n' "$1" "$2"
        [ -z "$3" ] || echo "Depends: $3"
        printf 'Description: a package of the lab\n'
    } >"/srv/pack/$1/DEBIAN/control"
    dpkg-deb --root-owner-group --build "/srv/pack/$1" "/srv/repo/$1_$2.deb" >/dev/null
    {
        dpkg-deb --field "/srv/repo/$1_$2.deb"
        printf 'Filename: ./%s_%s.deb\nSize: %s\n' "$1" "$2" "$(stat -c %s "/srv/repo/$1_$2.deb")"
        printf 'SHA256: %s\n\n' "$(sha256sum <"/srv/repo/$1_$2.deb" | cut -d ' ' -f 1)"
    } >>/srv/repo/Packages
    rm -r "/srv/pack/$1"
}
export SOURCE_DATE_EPOCH=1600000000
package lab-base 1.0 ''
package lab-app 1.0 lab-base
package lab-app 2.0 lab-base
package lab-other 1.0 ''
{
    printf 'Date: Sun, 13 Sep 2020 12:26:40 +0000\nSHA256:\n'
    printf ' %s %s Packages\n' "$(sha256sum </srv/repo/Packages | cut -d ' ' -f 1)" "$(stat -c %s /srv/repo/Packages)"
} >/srv/repo/Release
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d
mkdir /etc/apt/sources.list.d
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list.d/lab.list
printf 'Acquire::Languages "none";\n' >/etc/apt/apt.conf.d/99lab
apt-get -q update >/dev/null
cd /srv/www
mkdir -p tree/sub
printf 'one\n' >tree/one
printf 'two\n' >tree/sub/two
chmod 0750 tree/sub
ln -s one tree/link
find tree -exec touch -h -d '2020-01-02 03:04:05Z' {} +
tar --owner=0 --group=0 --numeric-owner -czf tree.tar.gz tree
tar --owner=0 --group=0 --numeric-owner -cJf tree.tar.xz tree
python3 -m zipfile -c tree.zip tree
printf 'downloaded\n' >file.txt
sha256sum file.txt >SUMS
touch -d '2020-01-02 03:04:05Z' file.txt SUMS tree.*
cat >/etc/systemd/system/www.service <<'UNIT'
[Service]
ExecStart=/usr/bin/python3 -m http.server 8080 --bind 127.0.0.1 --directory /srv/www
UNIT
systemctl start www
for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    curl -fso /dev/null http://127.0.0.1:8080/SUMS && exit
    sleep 0.2
done
exit 1
"""


_RPMS = r"""
set -eu
mkdir -p /srv/rpms /etc/yum.repos.d
cd /srv/rpms
package() {  # name version requires
    printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: of the lab\nLicense: none\nBuildArch: noarch\n' "$1" "$2"
    [ -z "$3" ] || echo "Requires: $3"
    printf '%%description\nx\n%%files\n'
}
package rpm-base 1 '' >base.spec
package rpm-app 1 rpm-base >app.spec
package rpm-app 2 rpm-base >app2.spec
rpmbuild --quiet -bb --define '_rpmdir /srv/rpms' base.spec app.spec app2.spec 2>/dev/null
createrepo_c --quiet noarch
printf '[lab]\nname=lab\nbaseurl=file:///srv/rpms/noarch\ngpgcheck=0\n' >/etc/yum.repos.d/lab.repo
"""


def furnish(host: LabHost, *, rpms: bool = False) -> None:
    """Put both on `host`, alike on every host that is furnished; with `rpms` a repository for dnf, too."""
    host.run(_FURNISH)
    if rpms:
        host.run(_RPMS)
