#!/bin/sh
# What site.yml does, as a person in a hurry would write it: nothing is looked at before, nothing is told after, and a
# second run would fail. No tool can be faster than the hosts are with this.
set -e
groupadd --system app
useradd --system --gid app --home-dir /srv/app --no-create-home --shell /usr/sbin/nologin app
mkdir -m 0750 /srv/app
echo '<p>It works.</p>' >/srv/app/index.html
chmod 0640 /srv/app/index.html
printf '# Settings of %s\nPORT=8089\n' "$(hostname)" >/etc/app.conf
echo APP_PORT=8089 >>/etc/environment
cat >/etc/systemd/system/app.service <<'UNIT'
[Unit]
Description=A small service

[Service]
User=app
EnvironmentFile=/etc/app.conf
ExecStart=/bin/busybox httpd -f -p 127.0.0.1:${PORT} -h /srv/app

[Install]
WantedBy=multi-user.target
UNIT
uname -r
date >/srv/app/installed
chown -R app:app /srv/app
systemctl daemon-reload
systemctl enable --now app.service
answers() {
    curl -sf -o /dev/null http://127.0.0.1:8089/
}
until answers; do sleep 0.05; done
systemctl restart app.service
