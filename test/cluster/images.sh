#!/bin/bash
# The product's image out of this checkout, from its own Dockerfile, and the pod's pause program, as archives for containerd:
# images.sh [TAG]. The machine's authorities are mounted for the steps that fetch.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")"); . "$here/settings.sh"
project=$(readlink -f "$here/../.."); tag=${1:-0.1.0}
mkdir -p "$state/images"
echo 'cafile=/etc/ssl/certs/ca-certificates.crt' > "$state/npmrc"
nice -n 5 buildah bud --isolation chroot --pull-never --layers \
  --volume /etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro --volume "$state/npmrc:/usr/local/etc/npmrc:ro" \
  --build-arg VERSION="$tag" --build-arg REVISION="$(git -C "$project" rev-parse HEAD 2>/dev/null || echo unknown)" \
  --file "$project/deploy/container/Dockerfile" --tag "docker.io/library/nta:$tag" "$project" > "$state/image.log" 2>&1 ||
  { tail -n 30 "$state/image.log" >&2; exit 1; }
container=$(buildah from scratch); buildah copy -q "$container" "$cache/bin/pause" /pause > /dev/null
buildah config --entrypoint '["/pause"]' "$container"; buildah commit -q --rm "$container" localhost/pause:1 > /dev/null
rm -f "$state/images"/*.tar
buildah push -q localhost/pause:1 "docker-archive:$state/images/pause.tar:localhost/pause:1"
buildah push -q "docker.io/library/nta:$tag" "docker-archive:$state/images/nta-$tag.tar:docker.io/library/nta:$tag"
buildah images --format '{{.Name}}:{{.Tag}} {{.Size}}' | grep '/nta:'
