#!/bin/sh
# token.sh [KUBECTL OPTIONS]: create the Secret with the token of our Ray clusters, once;
# token.sh show [KUBECTL OPTIONS]: print it, for the dashboard. It is never in a file or an argument.
set -eu
name=ttt-rllib-token
if [ "${1:-}" = show ]; then
  shift
  exec kubectl "$@" get secret "$name" -o 'go-template={{.data.auth_token | base64decode}}{{"\n"}}'
fi
if kubectl "$@" get secret "$name" >/dev/null 2>&1; then
  echo "secret/$name is there already"
  exit 0
fi
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' |
  kubectl "$@" create secret generic "$name" --from-file=auth_token=/dev/stdin
