# The Ingress controller for kind: its context is the directory where hack/build.sh puts skipper.
FROM scratch
COPY skipper /skipper
USER 65532:65532
ENTRYPOINT ["/skipper"]
