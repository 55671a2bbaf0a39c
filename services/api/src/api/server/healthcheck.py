"""``python -m api.server.healthcheck``: asks the api of this container whether it is ready, over TLS where it is on.

It reads its variables itself and imports little: it runs every few seconds, and importing the settings alone would take
several times as long as the request.
"""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping

TIMEOUT_S = 3.0


def is_ready(env: Mapping[str, str]) -> bool:
    """Say whether ``/health/ready`` answers 200 on this machine.

    Args:
        env: The api's variables.
    """
    scheme, context = "http", None
    if cert_file := env.get("API_TLS_CERT_FILE"):
        import ssl  # noqa: PLC0415 - see above

        scheme = "https"
        # The certificate isn't verified: it names another host, and the connection stays on this machine.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if env.get("API_TLS_CLIENT_CA_FILE"):
            context.load_cert_chain(cert_file, env.get("API_TLS_KEY_FILE"))
    url = f"{scheme}://127.0.0.1:{env.get('API_PORT') or 8888}/health/ready"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=context):  # noqa: S310 - http or https
            return True
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_ready(os.environ) else 1)
