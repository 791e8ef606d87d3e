# SPDX-License-Identifier: Apache-2.0
"""scim2-server with its own storage in memory: `python server.py PORT`.

The storage finds users by id, and by the value of a filter with eq, in dicts. waitress
serves it, because the server that comes with it closes the connection after each request.
"""

import os
import sys

import waitress
from scim2_models import ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import load_default_resource_types
from scim2_server.utils import load_default_schemas
from scim2_server.utils import load_default_service_provider_config

provider = ScimProvider.from_discovery(
    load_default_schemas().values(),
    load_default_resource_types().values(),
    config=load_default_service_provider_config(),
)
application = BearerTokenApplication(
    InMemoryStorage(), provider, service=ScimService(provider, secret="a secret for cursors"),
    bearer_tokens=[os.environ["BENCH_TOKEN"]],
)
waitress.serve(application, host="127.0.0.1", port=int(sys.argv[1]), threads=16, _quiet=True)
