#!/bin/bash
# One node of Kubernetes in a network namespace of its own: cluster.sh up | down | in COMMAND... | kubectl ...
# etcd, containerd and runc are Debian's; the parts of Kubernetes are one program, and kube-router enforces NetworkPolicies
# (programs.sh). Nothing of it listens outside the namespace.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")"); . "$here/settings.sh"

kubeconfig() { # file token
  cat > "$1" <<X
apiVersion: v1
kind: Config
clusters: [{ name: here, cluster: { server: "https://$node_ip:6443", certificate-authority: $state/pki/apiserver.crt } }]
users: [{ name: me, user: { token: $2 } }]
contexts: [{ name: here, context: { cluster: here, user: me } }]
current-context: here
X
}

make_network() {
  ip netns add $namespace
  inside ip link set lo up
  inside ip link add node0 type veth peer name node0p
  inside ip addr add $node_ip/24 dev node0
  inside ip link set node0 up
  inside ip link set node0p up
  inside ip route add default dev node0
  inside sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 2>/dev/null || inside sysctl -qw net.ipv4.ip_forward=1
  # What kubelet changes of the machine, to be put back by `down`.
  local key
  for key in vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes; do
    echo "$key=$(sysctl -n $key)"
  done > "$state/sysctl"
}

make_keys() {
  local admin node
  openssl genrsa -out "$state/pki/sa.key" 2048 2>/dev/null
  openssl rsa -in "$state/pki/sa.key" -pubout -out "$state/pki/sa.pub" 2>/dev/null
  admin=$(openssl rand -hex 16) node=$(openssl rand -hex 16)
  ( umask 077
    { echo "$admin,admin,admin,system:masters"; echo "$node,system:node:node1,node1,system:nodes"; } > "$state/pki/tokens.csv"
    kubeconfig "$state/admin.kubeconfig" "$admin"
    kubeconfig "$state/kubelet.kubeconfig" "$node" )
}

start_control_plane() {
  start etcd etcd --data-dir "$state/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync
  wait_for 60 etcd inside curl -sf http://127.0.0.1:2379/health
  start apiserver "$kube" apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$node_ip --secure-port=6443 \
    --cert-dir="$state/pki" --service-cluster-ip-range=$service_net --service-account-issuer=https://kubernetes.default.svc \
    --service-account-signing-key-file="$state/pki/sa.key" --service-account-key-file="$state/pki/sa.pub" \
    --token-auth-file="$state/pki/tokens.csv" --authorization-mode=Node,RBAC --allow-privileged \
    --enable-admission-plugins=NodeRestriction --kubelet-preferred-address-types=InternalIP
  wait_for 180 apiserver inside "$kube" kubectl get --raw /readyz
  start controllers "$kube" controllers --kubeconfig="$state/admin.kubeconfig" --use-service-account-credentials --leader-elect=false \
    --service-account-private-key-file="$state/pki/sa.key" --root-ca-file="$state/pki/apiserver.crt" --bind-address=127.0.0.1
  start scheduler "$kube" scheduler --kubeconfig="$state/admin.kubeconfig" --leader-elect=false --bind-address=127.0.0.1
}

start_node() {
  cat > "$state/containerd.toml" <<X
version = 2
root = "$state/containerd"
state = "$state/run/containerd"
[grpc]
  address = "$state/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  # Without CAP_SYS_RESOURCE no oom_score_adj below the own one can be set.
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$state/cni"
X
  cat > "$state/cni/10-bridge.conflist" <<X
{ "cniVersion": "0.4.0", "name": "bridge", "plugins": [
  { "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
    "ipam": { "type": "host-local", "dataDir": "$state/ipam", "subnet": "$pod_net", "routes": [{ "dst": "0.0.0.0/0" }] } },
  { "type": "portmap", "capabilities": { "portMappings": true } } ] }
X
  echo "nameserver $node_ip" > "$state/resolv.conf"
  cat > "$state/kubelet.yaml" <<X
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }
authorization: { mode: AlwaysAllow }
address: $node_ip
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
clusterDNS: [$node_ip]
clusterDomain: cluster.local
resolvConf: $state/resolv.conf
containerRuntimeEndpoint: unix://$state/run/containerd.sock
registerNode: true
staticPodPath: ""
evictionHard: { memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1% }
imageGCHighThresholdPercent: 100
X
  start containerd containerd --config "$state/containerd.toml"
  wait_for 60 containerd ctr --address "$state/run/containerd.sock" version
  "$here/cluster.sh" load
  start kubelet "$kube" kubelet --config="$state/kubelet.yaml" --kubeconfig="$state/kubelet.kubeconfig" \
    --hostname-override=node1 --node-ip=$node_ip --root-dir="$state/kubelet" --cert-dir="$state/kubelet/pki"
  start proxy "$kube" proxy --kubeconfig="$state/admin.kubeconfig" --hostname-override=node1 --oom-score-adj=0 \
    --cluster-cidr=$pod_net --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
  wait_for 120 'node ready' inside "$kube" kubectl wait --for=condition=Ready node/node1 --timeout=1s
  inside "$kube" kubectl patch node node1 -p "{\"spec\":{\"podCIDR\":\"$pod_net\",\"podCIDRs\":[\"$pod_net\"]}}" > /dev/null
  start kube-router "$cache/bin/kube-router" --kubeconfig="$state/admin.kubeconfig" --run-router=false --run-firewall=true \
    --run-service-proxy=false --hostname-override=node1 --service-cluster-ip-range=$service_net --health-port=0
}

up() {
  mkdir -p "$state"/{log,pid,pki,etcd,cni,containerd,run,kubelet,images}
  chmod 711 "$state"
  make_network
  make_keys
  start_control_plane
  start_node
}

down() {
  set +e
  local name ctr task container
  for name in kubelet proxy kube-router kafka postgres dns scheduler controllers apiserver etcd; do
    [ -f "$state/pid/$name" ] && kill "$(cat "$state/pid/$name")" 2>/dev/null
  done
  ctr="ctr --address $state/run/containerd.sock --namespace k8s.io"
  for task in $($ctr tasks ls -q 2>/dev/null); do $ctr tasks kill --signal KILL "$task" 2>/dev/null; done
  sleep 1
  for task in $($ctr tasks ls -q 2>/dev/null); do $ctr tasks delete --force "$task" > /dev/null 2>&1; done
  for container in $($ctr containers ls -q 2>/dev/null); do $ctr containers delete "$container" > /dev/null 2>&1; done
  stop containerd
  for name in kafka postgres etcd apiserver; do stop $name KILL; done
  grep -F " $state/" /proc/self/mountinfo | awk '{print $5}' | sort -r | while read -r mount; do umount -l "$mount"; done
  for name in $(ip netns list | awk '/^cni-/ {print $1}'); do ip netns delete "$name"; done
  ip netns delete $namespace 2>/dev/null
  [ -f "$state/sysctl" ] && sysctl -q -p "$state/sysctl"
  find /sys/fs/cgroup -depth -type d \( -path '*/kubepods*' -o -path '*/k8s.io*' \) -exec rmdir {} + 2>/dev/null
  rm -rf "$state" /var/lib/nta/spool /var/lib/nta/evidence
  true
}

case ${1:-} in
  up) up ;;
  down) down ;;
  load) # the archives of images.sh into containerd
    for archive in "$state"/images/*.tar; do
      ctr --address "$state/run/containerd.sock" --namespace k8s.io images import "$archive" > /dev/null
    done ;;
  in) shift; inside "$@" ;;
  kubectl) shift; inside "$kube" kubectl "$@" ;;
  *) echo 'cluster.sh up | down | load | in COMMAND... | kubectl ...'; exit 2 ;;
esac
