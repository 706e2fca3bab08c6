# Sourced: where the cluster's programs, images and state are.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nta
kube=$cache/kubernetes-1.35.4/kube
crds=$cache/crds
state=${NTA_CLUSTER_STATE:-/tmp/nta-cluster}
namespace=nta-cluster
node_ip=10.90.0.1
service_net=10.96.0.0/16
pod_net=10.244.0.0/24
mkdir -p "$cache/bin" "$cache/images"
# An image store of its own, whatever else the machine's buildah holds.
printf '[storage]\ndriver = "overlay"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' "$cache/images" "$cache/images" > "$cache/images/storage.conf"
export CONTAINERS_STORAGE_CONF=$cache/images/storage.conf KUBECONFIG=$state/admin.kubeconfig
inside() { nsenter --net=/run/netns/$namespace "$@"; }
start() { # name command...: in the cluster's network, its process id and its log in $state
  local name=$1; shift
  setsid nsenter --net=/run/netns/$namespace "$@" >> "$state/log/$name.log" 2>&1 < /dev/null &
  echo $! > "$state/pid/$name"
}
stop() { # name [signal]: and wait for its end
  local pid; pid=$(cat "$state/pid/$1" 2>/dev/null) || return 0
  kill "-${2:-TERM}" "$pid" 2>/dev/null || return 0
  for _ in $(seq 300); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
}
wait_for() { # seconds what command...
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@" > /dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then echo "$what: not within the time; see $state/log" >&2; return 1; fi
    sleep 0.2
  done
}
