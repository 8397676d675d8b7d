#!/bin/sh
# token.sh [KUBECTL OPTIONS]: create the Secret with the token of our Ray clusters, once;
# token.sh show [KUBECTL OPTIONS]: print it, for the dashboard. It is never in a file or an argument;
# token.sh redis [KUBECTL OPTIONS]: create the Secret with the password of components/redis, once.
set -eu
name=ttt-rllib-token
random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
if [ "${1:-}" = show ]; then
  shift
  exec kubectl "$@" get secret "$name" -o 'go-template={{.data.auth_token | base64decode}}{{"\n"}}'
fi
if [ "${1:-}" = redis ]; then
  shift
  name=ttt-rllib-redis
fi
if kubectl "$@" get secret "$name" >/dev/null 2>&1; then
  echo "secret/$name is there already"
  exit 0
fi
if [ "$name" = ttt-rllib-token ]; then
  random | kubectl "$@" create secret generic "$name" --from-file=auth_token=/dev/stdin
else
  password=$(random)
  # printf is a part of the shell, so that no process has the password as an argument.
  printf '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"%s"},"stringData":{"password":"%s","redis.conf":"requirepass %s\\n"}}' \
    "$name" "$password" "$password" | kubectl "$@" create -f -
fi
