# shellcheck shell=bash disable=SC2034 # those who source this read it
# skipper, the Ingress controller: what the local cluster, where it is a process, and kind, where it is a
# pod, have in common.

# It polls: the shorter the period, the fewer requests go to a pod that has just left. It leaves it to the endpoint
# which queries are valid: a semicolon is data there, and an error to skipper.
SKIPPER_OPTIONS=(
  -kubernetes -kubernetes-ingress-class '^skipper$' -kubernetes-enable-tls -enable-kubernetes-endpointslices
  -kubernetes-https-redirect=false -kubernetes-healthcheck=false
  -source-poll-timeout 500 -wait-first-route-load -wait-for-healthcheck-interval 0s
  -validate-query=false
  -proxy-preserve-host -forwarded-headers "X-Forwarded-For,X-Forwarded-Host,X-Forwarded-Proto=https")

# skipper_access SUBJECT prints its IngressClass and what the subject, which skipper runs as, may read.
skipper_access() {
  cat <<END
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata:
  name: skipper
  annotations: {ingressclass.kubernetes.io/is-default-class: "true"}
spec: {controller: zalando.org/skipper}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: skipper}
rules:
- {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [get, list]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list]}
- {apiGroups: [""], resources: [services, secrets], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: skipper}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: skipper}
subjects: [$1]
END
}
