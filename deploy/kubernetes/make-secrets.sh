#!/bin/sh
# make-secrets.sh [FOLDER]: tokens and database passwords for an overlay that makes its Secrets itself, into FOLDER/secrets
# (that of overlays/single-node unless given), and roles.sql beside them for the administrator of Postgres.
# What is there already is kept.
set -eu
folder=${1:-$(dirname "$0")/overlays/single-node}/secrets
if [ -e "$folder/maintenance.env" ]; then
  echo "make-secrets.sh: $folder is there already; remove it to make new ones" >&2
  exit 1
fi
umask 077
mkdir -p "$folder"
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
metrics=$(random) owner=$(random) sink=$(random) api=$(random) hunt=$(random)
printf 'metrics-token=%s\ndb-password=%s\n' "$metrics" "$owner" > "$folder/maintenance.env"
printf 'metrics-token=%s\n' "$metrics" | tee "$folder/processors.env" > "$folder/capture.env"
printf 'metrics-token=%s\ndb-password=%s\n' "$metrics" "$sink" > "$folder/sink.env"
printf 'db-password=%s\n' "$hunt" > "$folder/hunt.env"
printf 'metrics-token=%s\ndb-password=%s\napi-token=%s\n' "$metrics" "$api" "$(random)" > "$folder/api.env"
printf 'metrics-token=%s\nwebhook-url=https://receiver.example/alerts\nwebhook-secret=whsec_%s\n' "$metrics" \
  "$(head -c 32 /dev/urandom | base64)" > "$folder/webhook.env"
cat > "$folder/roles.sql" <<SQL
-- For psql, as an administrator, once: the owner of the tables, who may not make roles, and a user a part.
CREATE ROLE nta_writer;
CREATE ROLE nta_reader;
CREATE ROLE nta_hunter;
CREATE ROLE nta LOGIN PASSWORD '$owner';
CREATE ROLE nta_sink LOGIN PASSWORD '$sink' IN ROLE nta_writer;
CREATE ROLE nta_api LOGIN PASSWORD '$api' IN ROLE nta_reader;
CREATE ROLE nta_hunt LOGIN PASSWORD '$hunt' IN ROLE nta_hunter;
CREATE DATABASE nta OWNER nta;
REVOKE ALL ON DATABASE nta FROM PUBLIC;
GRANT CONNECT ON DATABASE nta TO nta_sink, nta_api, nta_hunt;
SQL
echo "made $folder; run roles.sql there in Postgres, then: kubectl apply -k $(dirname "$folder")"
