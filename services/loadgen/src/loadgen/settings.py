"""What can be set from outside, as ``LOADGEN_*`` variables; one frozen object a process."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The load generator's settings. Locust's own flags and ``LOCUST_*`` variables work beside them."""

    model_config = SettingsConfigDict(env_prefix="LOADGEN_", env_ignore_empty=True, frozen=True, extra="ignore")

    target: str = Field("http://127.0.0.1:8888", pattern=r"^https?://", description="The api to load.")
    web_host: str = Field(
        "127.0.0.1", min_length=1, description="Address of Locust's page; loopback unless told otherwise."
    )
    web_port: int = Field(8089, ge=1, le=65535, description="Port of Locust's page.")
    processes: int = Field(
        -1,
        ge=-1,
        le=256,
        description="Locust worker processes on this machine; −1 is one a core, 0 none beside the master.",
    )
    rate: float = Field(
        1.0, gt=0, le=100_000, description="Requests a second that each user sends, as long as answers keep up."
    )
    open_loop: bool = Field(
        False,
        description="Send at random (Poisson) times of that rate whether or not earlier requests were answered: for "
        "one user a process, at a high rate.",
    )
    check_labels: bool = Field(
        True, description="Count a wrong digit as a failure; turn off for a model that wasn't trained on MNIST."
    )
    timeout_s: float = Field(10.0, gt=0, le=600, description="Seconds after which a request counts as failed.")
    api_key: SecretStr | None = Field(None, description="API key to ask with, where the api wants one.")
    api_key_file: Path | None = Field(None, description="File with that key; the first line that is one counts.")
    ca_file: Path | None = Field(
        None, description="CAs in PEM that an `https` target is checked against; unset, it isn't checked."
    )

    @model_validator(mode="after")
    def _check_files(self) -> Self:
        """Find out before the first user does."""
        self.headers()
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ValueError(f"LOADGEN_CA_FILE: {self.ca_file} is no file")
        return self

    def headers(self) -> dict[str, str]:
        """Return what every request carries.

        Raises:
            ValueError: The key's file can't be used.
        """
        if self.api_key is not None:
            return {"x-api-key": self.api_key.get_secret_value()}
        if self.api_key_file is None:
            return {}
        try:
            lines = [line.strip() for line in self.api_key_file.read_text(encoding="ascii").splitlines()]
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"LOADGEN_API_KEY_FILE: {self.api_key_file} can't be read") from None
        keys = [line for line in lines if line and not line.startswith("#")]
        if not keys:
            raise ValueError(f"LOADGEN_API_KEY_FILE: {self.api_key_file} holds no key")
        return {"x-api-key": keys[0]}
