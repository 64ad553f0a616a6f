#!/usr/bin/env bash
# The Debian package in a clean Debian 12: installed, run as its unit says, upgraded, removed, purged.
#
#   tests/packaging/debian.sh [BINARY]
#
# As root, on a machine with cargo-deb, cargo-about, debootstrap and Debian's packages within reach. lintian looks at the package where it is
# installed. systemd does not run in that root, so what the unit confines is tried by unit.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -n "${IN_OWN_MOUNTS:-}" ] || IN_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"
# shellcheck source=tests/packaging/common.sh
. tests/packaging/common.sh
need debootstrap cargo cargo-deb cargo-about curl python3 setpriv chroot
config/debian/build.sh "$(realpath "${1:-target/release/rekindle}")"
package=$(find target/packaging/debian -name 'rekindle_*.deb' | tail -n 1)

if command -v lintian >/dev/null; then
    # Not said against: nobody's address is known here, it is not in Debian, and its short description is Cargo's.
    lintian --allow-root --fail-on error,warning \
        --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog,initial-upload-closes-no-bugs,description-synopsis-starts-with-article \
        "$package"
else
    echo "SKIPPED: lintian is not installed" >&2
fi

echo "== installed"
release=bookworm
debian target/packaging/$release $release
root=$work/root
cp -a target/packaging/$release "$root"
mount -t proc proc "$root/proc"
for device in null urandom; do
    [ -e "$root/dev/$device" ] || touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
cp "$package" "$root/tmp/rekindle.deb"
in_root() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "$*"; }; }
quietly in_root apt-get -qq update
quietly in_root apt-get -qq install --no-install-recommends /tmp/rekindle.deb

[ -z "$(in_root dpkg --verify rekindle)" ] || fail "files differ from the package's"
user=$(in_root getent passwd rekindle) || fail "there is no user rekindle"
[[ $user == rekindle:*:/var/lib/rekindle:/usr/sbin/nologin ]] || fail "user: $user"
# A package that sends messages to customers does not begin to before its rules were read.
[ "$(in_root systemctl is-enabled rekindle || true)" = disabled ] || fail "the unit is enabled"
in_root systemd-analyze verify --man=no rekindle.service
in_root rekindle --version
in_root bash -c '. /usr/share/bash-completion/completions/rekindle && complete -p rekindle' >/dev/null
[ "$(find "$root"/usr/share/man/man1 -name 'rekindle*.1.gz' | wc -l)" -gt 10 ] || fail "manual pages"
for file in doc/rekindle/copyright doc/rekindle/examples/deliver/webhook.toml zsh/vendor-completions/_rekindle fish/vendor_completions.d/rekindle.fish; do
    [ -s "$root/usr/share/$file" ] || fail "there is no $file"
done
licences=$(gzip -dc "$root/usr/share/doc/rekindle/third-party-licenses.gz")
for linked in tokio async-nats preact ECharts; do
    grep -q "$linked" <<<"$licences" || fail "the licences of what is linked and embedded lack $linked"
done

echo "== run, as the unit says"
unit=$root/usr/lib/systemd/system/rekindle.service
of_unit() { sed -n "s/^$1=//p" "$unit"; }
read -ra start < <(of_unit ExecStart)
# What systemd does before.
state=/var/lib/$(of_unit StateDirectory)
in_root install -d -m "$(of_unit StateDirectoryMode)" -o "$(of_unit User)" -g "$(of_unit Group)" "$state"
start_nats
http=$(free_port)
as_unit() {
    exec env -i REKINDLE_NATS_SERVERS="$nats" REKINDLE_SOURCE_CREATE=true REKINDLE_OUTPUT_CREATE=true REKINDLE_HTTP_LISTEN="127.0.0.1:$http" \
        "$(command -v setpriv)" --no-new-privs "$(command -v chroot)" --userspec="$(of_unit User):$(of_unit Group)" --groups= "$root" "$@"
}
(as_unit "${start[0]}" check --config /etc/rekindle/rekindle.toml)
as_unit "${start[@]}" >"$work/run.log" 2>&1 &
daemon=$!
started+=("$daemon")
wait_for "http://127.0.0.1:$http/readyz" "$work/run.log"
kill -HUP "$daemon"
for _ in $(seq 100); do
    ! grep -q "$same_rules" "$work/run.log" || break
    sleep 0.1
done
grep -q "$same_rules" "$work/run.log" || { cat "$work/run.log" >&2; fail "it did not read the rules again"; }
kill -TERM "$daemon"
status=0
wait "$daemon" || status=$?
[ "$status" = 0 ] || { cat "$work/run.log" >&2; fail "exit code $status after SIGTERM"; }
[ -n "$(find "$root$state/checkpoints" -type f)" ] || fail "no checkpoint in $state/checkpoints"
[ "$(stat -c %U "$root$state/checkpoints")" != root ] || fail "checkpoints are root's"

echo "== upgraded"
echo '# mine' >>"$root/etc/rekindle/rules.toml"
dpkg-deb --raw-extract "$package" "$work/next"
sed -i 's/^Version: .*/Version: 99/' "$work/next/DEBIAN/control"
echo '# new' >>"$work/next/etc/rekindle/rules.toml"
quietly dpkg-deb --root-owner-group -Znone --build "$work/next" "$root/tmp/next.deb"
quietly in_root dpkg --force-confdef --force-confold --install /tmp/next.deb
[ "$(tail -n 1 "$root/etc/rekindle/rules.toml")" = '# mine' ] || fail "an upgrade overwrote the rules"
[ "$(tail -n 1 "$root/etc/rekindle/rules.toml.dpkg-dist")" = '# new' ] || fail "the new rules are not beside them"

echo "== removed, purged"
quietly in_root dpkg --remove rekindle
[ ! -e "$root/usr/bin/rekindle" ] || fail "the binary stays"
for kept in /etc/rekindle/rules.toml "$state/checkpoints"; do
    [ -e "$root$kept" ] || fail "$kept went with the binary"
done
quietly in_root dpkg --purge rekindle
left=$(find "$root"/etc "$root"/var/lib "$root"/usr/share -path "$root/var/lib/systemd" -prune -o -name '*rekindle*' -print)
[ -z "$left" ] || fail "a purge leaves $left"
echo "ok: installed, ran as its user, upgraded, removed, purged"
