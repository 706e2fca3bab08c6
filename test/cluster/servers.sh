#!/bin/bash
# Kafka and Postgres beside the cluster, in its network namespace, under the names that the base expects (kafka.kafka.svc,
# postgres.postgres.svc:5432: Services without selector), and the cluster's DNS: servers.sh up | start NAME | stop NAME [SIGNAL]
# Pods find them once the DNS is started. servers.sh up ROLES_SQL gives Postgres the users that make-secrets.sh has made.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")"); . "$here/settings.sh"
postgres_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)

kafka_properties() {
  cat <<X
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9095
listeners=TLS://$node_ip:9093,INTERNAL://127.0.0.1:9094,CONTROLLER://127.0.0.1:9095
# The broker talks to itself too (transaction markers), and does not know the cluster's names.
advertised.listeners=TLS://kafka.kafka.svc:9093,INTERNAL://127.0.0.1:9094
listener.security.protocol.map=TLS:SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INTERNAL
# A part is whom its certificate names, and may do what its list says; what comes from the broker's own address is the broker.
ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location=$state/tls/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$state/tls/ca.crt
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
controller.listener.names=CONTROLLER
log.dirs=$state/kafka
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
X
}

start_server() {
  case $1 in
    kafka)
      CLASSPATH="$cache/kafka/libs/*" start kafka java -Xmx512m kafka.Kafka "$state/kafka.properties"
      wait_for 60 kafka inside bash -c "exec 3<>/dev/tcp/$node_ip/9093" ;;
    postgres)
      start postgres setpriv --reuid=postgres --regid=postgres --clear-groups "$postgres_bin/postgres" -D "$state/postgres/data" \
        -c listen_addresses=$node_ip -c unix_socket_directories="$state/postgres" -c fsync=off
      wait_for 60 postgres inside "$postgres_bin/pg_isready" -q -h $node_ip ;;
    dns)
      start dns dnsmasq --keep-in-foreground --no-resolv --no-hosts --local=/cluster.local/ --local=/svc/ --local=// --pid-file= --user=root \
        --listen-address=$node_ip --bind-interfaces --address=/kafka.kafka.svc.cluster.local/10.96.10.1 \
        --address=/postgres.postgres.svc.cluster.local/10.96.10.2 --address=/kubernetes.default.svc.cluster.local/10.96.0.1 ;;
  esac
}

# Services whose endpoints are the node's address.
services() {
  local name port ip
  echo '{ "apiVersion": "v1", "kind": "List", "items": ['
  while read -r name port ip; do
    cat <<X
{ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "$name" } },
{ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "$name", "namespace": "$name" },
  "spec": { "clusterIP": "$ip", "ports": [{ "name": "main", "port": $port }] } },
{ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
  "metadata": { "name": "$name-1", "namespace": "$name", "labels": { "kubernetes.io/service-name": "$name" } },
  "ports": [{ "name": "main", "port": $port }], "endpoints": [{ "addresses": ["$node_ip"] }] },
X
  done <<< $'kafka 9093 10.96.10.1\npostgres 5432 10.96.10.2'
  echo '{ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "monitoring" } } ] }'
}

up() {
  mkdir -p "$state/postgres"
  kafka_properties > "$state/kafka.properties"
  CLASSPATH="$cache/kafka/libs/*" java -Xmx256m kafka.tools.StorageTool format --config "$state/kafka.properties" \
    --cluster-id=bnRhLWNsdXN0ZXItdGVzdA > "$state/log/kafka-format.log" 2>&1
  start_server kafka & local kafka=$!
  chown postgres "$state/postgres"
  echo administrator > "$state/postgres/password"; chown postgres "$state/postgres/password"
  setpriv --reuid=postgres --regid=postgres --clear-groups "$postgres_bin/initdb" -D "$state/postgres/data" -U postgres \
    -A scram-sha-256 --pwfile="$state/postgres/password" -N > "$state/log/initdb.log" 2>&1
  printf 'host all all 10.244.0.0/16 scram-sha-256\nhost all all 10.90.0.0/24 scram-sha-256\n' >> "$state/postgres/data/pg_hba.conf"
  start_server postgres
  PGPASSWORD=administrator inside psql -q -v ON_ERROR_STOP=1 -h $node_ip -U postgres -f "$1"
  services | inside "$kube" kubectl apply -f - > /dev/null
  wait $kafka
}

case ${1:-} in
  up) up "$2" ;;
  start) start_server "$2" ;;
  stop) stop "$2" "${3:-TERM}" ;;
  *) echo 'servers.sh up ROLES_SQL | start NAME | stop NAME [SIGNAL]'; exit 2 ;;
esac
