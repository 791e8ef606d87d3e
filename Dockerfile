# The image holds one static binary that `make image` makes, so that it can be built
# without a network and by any of docker, podman and buildah.
FROM scratch
COPY bin/image/scim-operator /scim-operator
USER 65532:65532
ENTRYPOINT ["/scim-operator"]
