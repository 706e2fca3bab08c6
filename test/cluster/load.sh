#!/bin/bash
# load.sh FILE PACKETS_PER_SECOND: plays a capture over a wire into the node's network, from a namespace that goes with it.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")"); . "$here/settings.sh"
end() { ip netns delete $namespace-load 2> /dev/null || true; }
trap end EXIT
end
ip netns add $namespace-load
inside ip link add load0 type veth peer name far netns $namespace-load
# Neither end says anything by itself.
inside ip link set load0 addrgenmode none
ip -n $namespace-load link set far addrgenmode none
inside ip link set load0 arp off up
ip -n $namespace-load link set far arp off up
sleep 1
ip netns exec $namespace-load tcpreplay -K -i far --pps="$2" "$1"
sleep 1
