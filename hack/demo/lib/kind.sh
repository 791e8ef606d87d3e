# shellcheck shell=bash disable=SC2154 # demo.sh sets what is not set here
# A kind cluster with skipper as its Ingress controller. Sourced by demo.sh.

# shellcheck source=../../cluster/lib/skipper.sh
source "$HACK_DIR/cluster/lib/skipper.sh"

KIND_CLUSTER=scim-operator
INGRESS_NODE_PORT=30443

start_kind() {
  command -v kind >/dev/null || die "kind is not installed: https://kind.sigs.k8s.io/docs/user/quick-start/"
  if kind get clusters 2>/dev/null | grep -qx "$KIND_CLUSTER"; then
    kind export kubeconfig --name "$KIND_CLUSTER" --kubeconfig "$KUBECONFIG"
  else
    kind_config | kind create cluster --name "$KIND_CLUSTER" --kubeconfig "$KUBECONFIG" --wait 180s --config -
  fi
  start_kind_ingress
}

kind_config() {
  cat <<END
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  extraPortMappings:
  - containerPort: $INGRESS_NODE_PORT
    hostPort: $local_port
    listenAddress: "$local_address"
END
}

start_kind_ingress() {
  local binary version image archive=$demo_dir/skipper.tar
  TARGET_OS=linux "$HACK_DIR/build.sh" skipper
  binary=$(TARGET_OS=linux "$HACK_DIR/build.sh" --path skipper)
  version=$(basename "$(dirname "$binary")")
  image=localhost/scim-operator-skipper:${version#skipper-}
  if [ "$(kubectl -n skipper get deployment skipper --ignore-not-found \
    -o jsonpath='{.spec.template.spec.containers[0].image}')" != "$image" ]; then
    CONTEXT=$(dirname "$binary") IMAGE=$image "$HACK_DIR/image.sh" build "$archive" --file "$HACK_DIR/demo/skipper.Dockerfile"
    CLUSTER=kind KIND_CLUSTER=$KIND_CLUSTER IMAGE=$image "$HACK_DIR/image.sh" load "$archive"
    rm -f "$archive"
  fi
  skipper_manifests "$image" | kubectl apply --server-side --force-conflicts -f - >/dev/null
  kubectl -n skipper rollout status deployment/skipper --timeout=120s
}

# skipper_manifests IMAGE prints what skipper needs to run as a pod.
skipper_manifests() {
  skipper_access '{kind: ServiceAccount, name: skipper, namespace: skipper}'
  cat <<END
---
apiVersion: v1
kind: Namespace
metadata:
  name: skipper
  labels: {pod-security.kubernetes.io/enforce: restricted}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: skipper, namespace: skipper}
---
apiVersion: v1
kind: Service
metadata: {name: skipper, namespace: skipper}
spec:
  type: NodePort
  selector: {app.kubernetes.io/name: skipper}
  ports:
  - {name: https, port: 443, targetPort: https, nodePort: $INGRESS_NODE_PORT}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: skipper, namespace: skipper}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: skipper}}
  template:
    metadata: {labels: {app.kubernetes.io/name: skipper}}
    spec:
      serviceAccountName: skipper
      securityContext:
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}
      containers:
      - name: skipper
        image: $1
        imagePullPolicy: IfNotPresent
        args:
$(printf "        - '%s'\n" "${SKIPPER_OPTIONS[@]}" -kubernetes-in-cluster -address :9443 -support-listener :9911)
        ports:
        - {name: https, containerPort: 9443}
        # It listens once it has loaded the first routes.
        readinessProbe: {tcpSocket: {port: https}, periodSeconds: 5}
        resources:
          requests: {cpu: 50m, memory: 64Mi}
          limits: {memory: 512Mi}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
END
}
