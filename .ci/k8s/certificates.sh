#!/usr/bin/env bash
# Writes keys and certificates into $state/pki and a kubeconfig for each client into $state: one CA for the cluster, and
# one for the aggregator, through which the API server asks the metrics server. Valid for two days.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
mkdir -p "$state/pki"
chmod 0700 "$state/pki"
cd "$state/pki"

make_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

make_ca() { # name
  make_key "$1"
  openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 2 -out "$1.crt" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>>openssl.log
}

make_certificate() { # name subject ca usage [subjectAltName]
  make_key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  printf 'extendedKeyUsage=%s\n%s' "$4" "${5:+subjectAltName=$5}" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days 2 -extfile "$1.ext" \
    -out "$1.crt" 2>>openssl.log
}

make_client() { # name subject: a certificate, and the kubeconfig that uses it
  make_certificate "$1" "$2" cluster-ca clientAuth
  cat >"$state/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: drill
contexts: [{name: drill, context: {cluster: drill, user: $1}}]
clusters:
  - name: drill
    cluster: {server: "https://$node_ip:$api_port", certificate-authority: $PWD/cluster-ca.crt}
users:
  - name: $1
    user: {client-certificate: $PWD/$1.crt, client-key: $PWD/$1.key}
YAML
  chmod 0600 "$state/$1.kubeconfig"
}

make_ca cluster-ca
make_ca aggregator-ca
name=kubernetes
names=DNS:$name,DNS:$name.default,DNS:$name.default.svc,DNS:$name.default.svc.cluster.local
make_certificate apiserver /CN=kube-apiserver cluster-ca serverAuth "$names,IP:$first_service_ip,IP:$node_ip,IP:127.0.0.1"
make_certificate kubelet-server "/CN=system:node:$node" cluster-ca serverAuth "DNS:$node,IP:$node_ip"
make_certificate metrics /CN=metrics cluster-ca serverAuth DNS:metrics.kube-system.svc
make_certificate kubelet-client /O=system:masters/CN=kubelet-client cluster-ca clientAuth
make_certificate aggregator-client /CN=aggregator-client aggregator-ca clientAuth
make_client admin /O=system:masters/CN=admin
make_client kubelet "/O=system:nodes/CN=system:node:$node"
make_client kube-controller-manager /CN=system:kube-controller-manager
make_client kube-scheduler /CN=system:kube-scheduler
make_client kube-proxy /CN=system:kube-proxy
openssl genrsa -out service-accounts.key 2048 2>>openssl.log
openssl rsa -in service-accounts.key -pubout -out service-accounts.pub 2>>openssl.log
