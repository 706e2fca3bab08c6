#!/bin/sh
# Installs what the bench measures beside and what is missing of it, as far as Debian or Ubuntu has it. Scapy is not here:
# the bench keeps one of its own. Run again, it finds everything there and does nothing.
set -eu

# A command, and the package that has it.
wanted="tshark:tshark tcpdump:tcpdump tcpreplay:tcpreplay trafgen:netsniff-ng psql:postgresql-client ip:iproute2 pmacctd:pmacct suricata:suricata"
PATH=$PATH:/usr/sbin:/sbin

missing=""
for pair in $wanted; do
  if ! command -v "${pair%%:*}" >/dev/null; then missing="$missing ${pair#*:}"; fi
done
# Debian keeps what `python3 -m venv` needs in a package of its own.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then missing="$missing python3-venv"; fi
if [ -z "$missing" ]; then
  echo "yardsticks: all installed"
  exit 0
fi
if [ "$(id -u)" -eq 0 ]; then apt-get update -qq; fi
packages=""
for package in $missing; do
  if [ -n "$(apt-cache madison "$package" 2>/dev/null)" ]; then
    packages="$packages $package"
  else
    echo "yardsticks: this system has no package $package; its figures will be named absent"
  fi
done
if [ -z "$packages" ]; then exit 0; fi
if [ "$(id -u)" -ne 0 ]; then
  echo "yardsticks: missing:$packages; run as root to install them" >&2
  exit 1
fi

# Some of them are services, which would begin to watch the first interface.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
