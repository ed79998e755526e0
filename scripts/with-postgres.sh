#!/usr/bin/env bash
# Runs a command against a throw-away PostgreSQL server: roles, row security, statement timeouts and
# cancellation are not what the embedded one does.
#
#   scripts/with-postgres.sh COMMAND [ARGUMENT…]
#
# The server lives in a temporary folder and listens on a Unix socket and on a free loopback port.
# The command finds it in POSTERN_TEST_PG_URL (a superuser over TCP, with a password). Whatever
# happens, server and folder are gone afterwards; the exit code is the command's.
set -euo pipefail

if [ $# -eq 0 ]; then
  echo "usage: scripts/with-postgres.sh COMMAND [ARGUMENT…]" >&2
  exit 2
fi

find_bin() {
  ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1
}

bin=$(find_bin)
if [ -z "$bin" ] || [ ! -x "$bin/initdb" ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "PostgreSQL is not installed: apt-get install postgresql" >&2
    exit 1
  fi
  echo "installing postgresql" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2
  bin=$(find_bin)
fi

root=$(mktemp -d "${TMPDIR:-/tmp}/postern-pg.XXXXXX")
data="$root/data"

# The server refuses to run as root.
if [ "$(id -u)" -eq 0 ]; then
  chown postgres: "$root"
  as() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
else
  as() { "$@"; }
fi

child=
cleanup() {
  code=$?
  trap - EXIT INT TERM
  if [ -n "$child" ]; then kill "$child" 2>/dev/null || true; fi
  as "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$root"
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
(umask 077 && printf '%s\n' "$password" > "$root/password")
if [ "$(id -u)" -eq 0 ]; then chown postgres: "$root/password"; fi

(
  cd "$root"
  as "$bin/initdb" -D "$data" -U postern_test --pwfile="$root/password" \
    --auth-local=scram-sha-256 --auth-host=scram-sha-256 --no-sync -E UTF8 --locale=C.UTF-8
) >"$root.log" 2>&1 || { cat "$root.log" >&2; rm -f "$root.log"; exit 1; }
rm -f "$root.log"

# A port that is free now may be taken in a moment: try again, a few times.
for attempt in 1 2 3 4 5; do
  port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 20000))
  if (cd "$root" && as "$bin/pg_ctl" -D "$data" -w -t 30 -l "$root/server.log" \
    -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$root" \
    -o "-c fsync=off -c max_connections=50" start) >/dev/null 2>&1; then
    break
  fi
  if [ "$attempt" -eq 5 ]; then
    cat "$root/server.log" >&2 || true
    exit 1
  fi
done

export POSTERN_TEST_PG_URL="postgres://postern_test:$password@127.0.0.1:$port/postgres"
"$@" &
child=$!
set +e
wait "$child"
code=$?
set -e
child=
exit "$code"
