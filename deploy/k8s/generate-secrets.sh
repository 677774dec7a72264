#!/usr/bin/env bash
# Writes the secrets of one cluster, once: generate-secrets.sh OVERLAY (for example overlays/laptop).
# The file is for the operator of the cluster: keep it safe, and never in the repository. With a
# PostgreSQL of your own, replace `database-url`.
set -euo pipefail
cd "$(dirname "$0")"
file=${1:?usage: generate-secrets.sh OVERLAY}/secrets.env
if [ -e "$file" ]; then
    echo "$file exists; new secrets would lock its cluster out of its own data" >&2
    exit 1
fi
# A letter first: nats-server would read a value of digits as a number.
secret() { printf 's%s' "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"; }
postgres=$(secret)
umask 077
cat >"$file.new" <<END
api-key=sk-argosy-$(secret)
key-pepper=$(secret)
service-token=$(secret)
engine-key=$(secret)
postgres-password=$postgres
database-url=postgresql://argosy:$postgres@postgres:5432/argosy
nats-registry=$(secret)
nats-trainer=$(secret)
nats-embedder=$(secret)
nats-gateway=$(secret)
END
mv "$file.new" "$file"
echo "wrote $file; the first API key is in it as api-key"
