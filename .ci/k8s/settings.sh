# Sourced by k8s-up and k8s-down: where the cluster keeps its files, and its addresses. They are in the range reserved for
# benchmarks (198.18.0.0/15), which no network routes: a packet that isn't translated to a pod's address stays here.
# shellcheck shell=bash disable=SC2034  # used by those that source it
state="${CI_K8S_DIR:-/var/tmp/ci-k8s}"
engine="${CI_ENGINE_DIR:-/var/tmp/ci-engine}"
node=drill
node_ip=198.18.255.1
pod_range=198.18.0.0/24
service_range=198.19.0.0/24
first_service_ip=198.19.0.1 # the API server's, by Kubernetes' rule
dns_ip=198.19.0.10          # also in addons.yaml
node_bridge=kdrill0         # has no ports; holds node_ip and the route of service_range
pod_bridge=kdrill1
api_port=6443
etcd_port=12379
pause_image=drill/pause:1
sysctls=(net.ipv4.ip_forward net.ipv4.conf.all.route_localnet net.bridge.bridge-nf-call-iptables vm.overcommit_memory
  vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes)
# Kubelet and dockershim write to these whatever their flags say.
kubelet_leftovers=(/var/lib/dockershim /var/lib/kubelet /var/log/pods /var/log/containers /run/dockershim.sock)

docker_here() { "$engine/bin/docker" --host "unix://$engine/docker.sock" "$@"; }
