#!/usr/bin/env bash
# The unit of the Debian package, run by systemd: in a Debian 12 that systemd-nspawn boots.
#
#   tests/packaging/unit.sh [BINARY]
#
# As root, on a machine with cargo-deb, debootstrap, systemd-nspawn and Debian's packages within reach. The system has the network of
# this machine, and so its nats-server.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/packaging/common.sh
. tests/packaging/common.sh
need debootstrap cargo cargo-deb python3 systemd-nspawn
config/debian/build.sh "$(realpath "${1:-target/release/rekindle}")"
package=$(find target/packaging/debian -name 'rekindle_*.deb' | tail -n 1)

release=bookworm
debian target/packaging/$release $release
# With systemd, made once.
booting=target/packaging/$release-systemd
if [ ! -e "$booting" ]; then
    cp -a target/packaging/$release "$booting.part"
    chroot "$booting.part" sh -c 'export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update && apt-get -qq install --no-install-recommends systemd-sysv dbus procps curl' >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; fail "apt-get"; }
    mv "$booting.part" "$booting"
fi
root=$work/root
cp -a "$booting" "$root"
cp "$package" "$root/tmp/rekindle.deb"
chroot "$root" dpkg --install /tmp/rekindle.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "dpkg"; }

start_nats
http=$(free_port)
mkdir -p "$root/etc/systemd/system/rekindle.service.d"
printf 'a-token-of-sixteen' >"$root/etc/rekindle/http-token"
chmod 0600 "$root/etc/rekindle/http-token"
# What the unit says of secrets, and the addresses here.
cat >"$root/etc/systemd/system/rekindle.service.d/here.conf" <<UNIT
[Service]
$(sed -n 's/^#\(.*http-token\)$/\1/p' config/rekindle.service)
Environment=REKINDLE_NATS_SERVERS=$nats REKINDLE_SOURCE_CREATE=true REKINDLE_OUTPUT_CREATE=true REKINDLE_HTTP_LISTEN=127.0.0.1:$http
UNIT

cat >"$root/check.sh" <<'CHECK'
#!/bin/bash
set -uo pipefail
fail() { echo "FAILED: $*"; systemctl status --no-pager --full rekindle; journalctl --no-pager -u rekindle -o cat | tail -n 30; exit 1; }
is() { systemctl show --property "$1" --value rekindle; }
answers() {
    for _ in $(seq 150); do
        [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "$@")" = 200 ] && return
        sleep 0.2
    done
    fail "$* does not answer with 200"
}
[ "$(systemctl is-enabled rekindle)" = disabled ] || fail "it is enabled before anybody asked for it"
[ "$(is ActiveState)" = inactive ] || fail "it was started before anybody asked for it"
systemctl enable --now rekindle || fail "start"
answers "http://127.0.0.1:$HTTP/readyz"
answers -H 'Authorization: Bearer a-token-of-sixteen' "http://127.0.0.1:$HTTP/v1/segments"
first=$(is MainPID)
[ "$(ps -o user= -p "$first")" = rekindle ] || fail "its user is $(ps -o user= -p "$first")"
[ "$(grep CapEff "/proc/$first/status" | cut -f2)" = 0000000000000000 ] || fail "it has capabilities"
[ "$(grep Seccomp: "/proc/$first/status" | cut -f2)" = 2 ] || fail "its system calls are not filtered"
systemctl reload rekindle || fail "reload"
for _ in $(seq 100); do
    journalctl --no-pager -u rekindle -o cat | grep -q "$SAME_RULES" && break
    sleep 0.1
done
journalctl --no-pager -u rekindle -o cat | grep -q "$SAME_RULES" || fail "it did not read the rules again"
[ "$(is MainPID)" = "$first" ] || fail "it did not survive the reload"
kill -KILL "$first"
for _ in $(seq 150); do
    [ "$(is MainPID)" != "$first" ] && [ "$(is MainPID)" != 0 ] && break
    sleep 0.2
done
[ "$(is NRestarts)" = 1 ] || fail "restarts after a kill: $(is NRestarts)"
answers "http://127.0.0.1:$HTTP/readyz"
systemctl stop rekindle || fail "stop"
[ "$(is Result)" = success ] && [ "$(is ExecMainStatus)" = 0 ] || fail "it ended with $(is Result), $(is ExecMainStatus)"
[ "$(stat -c '%U %a' /var/lib/rekindle)" = 'rekindle 700' ] || fail "/var/lib/rekindle: $(stat -c '%U %a' /var/lib/rekindle)"
[ -n "$(find /var/lib/rekindle/checkpoints -type f)" ] || fail "no checkpoint"
# What it may not: each as a service with the unit's restrictions.
systemctl cat rekindle | sed -n '/^User=/,/^\[Install\]/p' | sed 's/^\[Install\]//' >/tmp/confined
may() {
    { printf '[Service]\nType=oneshot\nExecStart=%s\n' "$1"; cat /tmp/confined; } >/run/systemd/system/may.service
    systemctl daemon-reload
    systemctl start may.service 2>/dev/null
}
may '/usr/bin/touch /var/lib/rekindle/mine' || fail "it cannot write its state"
for refused in '/usr/bin/touch /etc/rekindle/mine' '/usr/bin/touch /usr/mine' '/usr/bin/unshare --user /usr/bin/true' '/usr/bin/ls /root/.'; do
    if may "$refused"; then fail "it can: $refused"; fi
done
echo "ok: started, ready, reloaded, restarted after a kill, ended in order, confined"
CHECK
chmod 755 "$root/check.sh"
cat >"$root/etc/systemd/system/check.service" <<UNIT
[Unit]
After=network.target dbus.service
[Service]
Type=oneshot
Environment=HTTP=$http "SAME_RULES=$same_rules"
ExecStart=/check.sh
StandardOutput=file:/checked
StandardError=file:/checked
ExecStopPost=/usr/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl --quiet enable check.service
timeout 240 systemd-nspawn --quiet --register=no --keep-unit --directory "$root" --boot >"$work/boot.log" 2>&1 </dev/null || true
[ -s "$root/checked" ] || { tail -n 30 "$work/boot.log" >&2; fail "the system did not come up"; }
cat "$root/checked"
grep -q '^ok' "$root/checked"
