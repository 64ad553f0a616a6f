#!/usr/bin/env bash
# config/kubernetes against the published schemas: as it is shipped, with everything optional, and the settings and rules in it by
# `rekindle check` where the pod would have them. It needs kubectl and pip; no cluster.
#
#   tests/packaging/kubernetes.sh [BINARY [CRD]]
#
# CRD is the ServiceMonitor's definition, as JSON (jsonnet/prometheus-operator/servicemonitors-crd.json of the operator's
# repository); without it that one resource is not checked.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=$(realpath "${1:-target/release/rekindle}")
crd=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'kubernetes-validate>=1.37' check-jsonschema

cp -r config/kubernetes "$work/plain"
cp -r config/kubernetes "$work/all"
sed -i -E 's/^  # (- (ingress|autoscaler|service-monitor)\.yaml)/  \1/; s/^# (components:|  - checkpoints-in-s3)/\1/' "$work/all/kustomization.yaml"
for variant in plain all; do
    kubectl kustomize "$work/$variant" >"$work/$variant.yaml"
    # The oldest and the newest version that is supported.
    for version in 1.30.0 1.37.0; do
        "$work/venv/bin/kubernetes-validate" --strict --no-warn --quiet --kubernetes-version "$version" "$work/$variant.yaml"
    done
    echo "$variant: $(grep -c '^kind:' "$work/$variant.yaml") resources fit the schemas of Kubernetes 1.30 and 1.37"
done
grep -q '^kind: ServiceMonitor' "$work/all.yaml"
if grep -q 'PersistentVolumeClaim\|claimName\|mountPath: /data' "$work/all.yaml"; then
    echo "checkpoints-in-s3 leaves something of the volume" >&2
    exit 1
fi

if [ -n "$crd" ]; then
    # Kubernetes prunes what a definition does not name; here it is a mistake.
    python3 - "$crd" "$work/schema.json" <<'PYTHON'
import json, sys

def closed(node):
    if isinstance(node, dict):
        if node.get("type") == "object" and "properties" in node:
            node.setdefault("additionalProperties", False)
        for value in node.values():
            closed(value)
    elif isinstance(node, list):
        for value in node:
            closed(value)

definition = json.load(open(sys.argv[1]))
[version] = [v for v in definition["spec"]["versions"] if v["name"] == "v1"]
schema = version["schema"]["openAPIV3Schema"]
closed(schema["properties"]["spec"])
json.dump(schema, open(sys.argv[2], "w"))
PYTHON
    "$work/venv/bin/check-jsonschema" --schemafile "$work/schema.json" config/kubernetes/service-monitor.yaml
else
    echo "SKIPPED: service-monitor.yaml: no definition was given" >&2
fi

# The files of the pod, at their paths in it.
pod=$work/pod
mkdir -p "$pod/etc/rekindle" "$pod/etc/rekindle-rules" "$pod/run/secrets/rekindle"
cp config/kubernetes/rules.toml "$pod/etc/rekindle-rules/"
for secret in nats.creds http-token draws.secret webhook-secret; do
    printf 'a-secret-of-more-than-32-characters' >"$pod/run/secrets/rekindle/$secret"
done
chmod 0440 "$pod"/run/secrets/rekindle/*
sed "s|\"/etc/|\"$pod/etc/|; s|\"/run/|\"$pod/run/|; s|\"/data\"|\"$pod/data\"|" config/kubernetes/rekindle.toml >"$pod/etc/rekindle/rekindle.toml"
"$binary" check --config "$pod/etc/rekindle/rekindle.toml"
