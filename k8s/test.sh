#!/bin/bash
# test.sh: check the manifests, then run all of them on a real Kubernetes: as root on Debian, with
# kubectl and the scripts of a test cluster in ../shared/kubernetes-lab (or LAB=...). Without
# these it says what is missing and exits with 0. PYTHON: one with the extras test and k8s.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
lab=${LAB:-../shared/kubernetes-lab}
started=$SECONDS
step() { printf '\n-- %s (%s s)\n' "$1" "$((SECONDS - started))"; }
skip() { printf 'SKIPPED: the test on a cluster: %s\n' "$1"; exit 0; }

if [ "${1:-}" != cluster ]; then
  step "manifests: render, validate, rules"
  "$python" -m pytest -n 0 -m "not cluster" tests/k8s
fi
[ "$(id -u)" = 0 ] || skip "it needs root"
grep -qs '^ID=debian' /etc/os-release || skip "it needs Debian"
[ -x "$lab/up.sh" ] || skip "there is no $lab"
command -v kubectl >/dev/null || skip "it needs kubectl 1.27 or later"

step "prepare the test cluster"
"$lab/prepare.sh"
# shellcheck disable=SC1091
. "$lab/env.sh"
prometheus=$KUBERNETES_LAB/prometheus
if [ ! -x "$prometheus/usr/bin/promtool" ]; then  # unpacked, not installed
  (cd "$KUBERNETES_LAB" && apt-get -qq -o APT::Sandbox::User=root download prometheus && dpkg -x prometheus_*.deb "$prometheus")
fi
export PATH=$prometheus/usr/bin:$PATH
"$python" -m pytest -n 0 tests/k8s/test_monitoring.py
redis=docker.io/library/$(sed -n 's/.*image: \(redis:.*\)/\1/p' k8s/components/redis/server/redis.yaml)
step "build the image, and one of Debian's Redis"
podman build --quiet --pull=never --tag docker.io/library/ttt-rllib:dev .
podman build --quiet --pull=never --tag "$redis" tests/k8s/redis
step "start the cluster"
trap '"$lab/down.sh"' EXIT
"$lab/up.sh"
"$lab/load.sh" docker.io/library/ttt-rllib:dev "$redis"
step "job, minikube, redis, cluster"
"$python" -m pytest -n 0 -x -m cluster -o log_cli=true --log-cli-level=INFO --durations=0 tests/k8s
step "done"
