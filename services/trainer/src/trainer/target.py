"""The Tritons that the settings name."""

from modelrepo.errors import ServingError
from modelrepo.target import Target, Tls
from trainer.settings import Settings


def target_of(settings: Settings) -> Target:
    """Return where a version is to be served.

    Raises:
        ServingError: The admin key's file can't be read.
    """
    try:
        key = settings.admin_key()
    except OSError as exc:
        raise ServingError(f"TRITON_ADMIN_KEY_FILE: {exc.filename} can't be read ({exc.strerror})") from exc
    tls = None
    if settings.triton_tls_ca_file is not None:
        tls = Tls(settings.triton_tls_ca_file, settings.triton_tls_cert_file, settings.triton_tls_key_file)
    return Target(settings.triton_url, key, settings.load_timeout_s, tls)
