# SPDX-License-Identifier: Apache-2.0
"""Runs every check of scim2-tester against $SCIM_BASE_URL and prints one line a check.

A check that does not succeed needs an entry with a reason in EXPECTED; anything else that
is not a success fails the run, and so does an entry that is no longer needed.
"""

import os
import socket
import ssl
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

# What the suite says of a check that cannot succeed -> why it cannot.
EXPECTED = {
    "unexpected value for 'urn:ietf:params:scim:schemas:extension:scim-operator:2.0:User:organizationId'": (
        "the suite has added the whole extension before, and RFC 7644 §3.5.2.1 adds a value to a multi-valued "
        "attribute beside those it has; the suite expects it to be the only one"
    ),
    "PATCH modify() did not remove attribute 'active'": (
        "the server has a default for `active` and keeps its value when it is removed, so that no PATCH enables a "
        "disabled person by clearing it; the suite expects it to be unassigned"
    ),
    "Attribute 'members' was not added or has unexpected value": (
        "the server fills in `display` (RFC 7643 §2.4); the suite expects what it sent, without a display"
    ),
    "Attribute 'members' was not replaced or has unexpected value": (
        "the server fills in `display` (RFC 7643 §2.4); the suite expects what it sent, without a display"
    ),
}


def resolve_as_told(resolve: str) -> None:
    """Makes one host name resolve to one address, as curl's --resolve does."""
    host, port, address = resolve.split(":", 2)
    original = socket.getaddrinfo

    def getaddrinfo(name, *args, **kwargs):
        if name in (host, host.encode()):
            name = address
        return original(name, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


def main() -> int:
    resolve_as_told(os.environ["SCIM_RESOLVE"])
    http = Client(
        base_url=os.environ["SCIM_BASE_URL"],
        headers={"Authorization": "Bearer " + os.environ["SCIM_TOKEN"]},
        verify=ssl.create_default_context(cafile=os.environ["SCIM_CACERT"]),
        timeout=30,
    )
    passed = failed = skipped = 0
    unused = set(EXPECTED)
    for result in check_server(SyncSCIMClient(http)):
        good = result.status in (Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE)
        known = next((said for said in EXPECTED if said in (result.reason or "")), None)
        passed += good
        skipped += bool(not good and known)
        failed += bool(not good and not known)
        resource = f" [{result.resource_type}]" if result.resource_type else ""
        print(f"{result.status.name:<10}{result.title}{resource}")
        if not good:
            unused.discard(known)
            print(f"          {result.reason}")
            if known:
                print(f"          expected: {EXPECTED[known]}")
    for said in unused:
        failed += 1
        print(f"ERROR     no check says any more: {said}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    # No check at all is no success.
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
