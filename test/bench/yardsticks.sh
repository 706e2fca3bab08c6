#!/bin/sh
# Installs what the bench measures beside, as far as Debian or Ubuntu has it. Scapy is not here: the bench keeps one of its own.
set -eu
packages="tshark tcpdump tcpreplay postgresql-client iproute2 python3-venv"
for optional in suricata pmacct; do
  if apt-cache show "$optional" >/dev/null 2>&1; then packages="$packages $optional"; fi
done
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
