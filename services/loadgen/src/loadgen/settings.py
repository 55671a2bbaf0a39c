"""Settings from ``LOADGEN_*`` environment variables; one frozen object a process."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from loadgen.host import base_url


class Settings(BaseSettings):
    """The load generator's settings. Locust's own flags and ``LOCUST_*`` variables work beside them."""

    model_config = SettingsConfigDict(env_prefix="LOADGEN_", env_ignore_empty=True, frozen=True, extra="ignore")

    target: Annotated[str, AfterValidator(base_url)] = Field(
        "http://127.0.0.1:8888", description="The api to load; without a scheme it is `http`."
    )
    model: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="A model to send random tensors to, by the Open Inference Protocol; unset: send digits.",
    )
    json_tensors: bool = Field(
        False, description="Send and ask for the tensors of `LOADGEN_MODEL` as JSON instead of binary data."
    )
    max_dim: int = Field(
        8,
        ge=1,
        le=65_536,
        description="Largest size of the dynamic dimensions of `LOADGEN_MODEL`; a request has one size for all of them "
        "but the batch's, which is 1.",
    )
    max_int: int = Field(
        100,
        ge=0,
        le=2**53,
        description="Largest integer in the tensors for `LOADGEN_MODEL`, such as the largest index that it takes.",
    )
    job_items: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="Images of a job: each user sends jobs to `/jobs/digits`, one after the other, polls them and "
        "checks their results; 0: no jobs.",
    )
    job_timeout_s: float = Field(300.0, gt=0, le=86_400, description="Seconds after which a job counts as failed.")
    web_host: str = Field("127.0.0.1", min_length=1, description="Address of Locust's web page; loopback by default.")
    web_port: int = Field(8089, ge=1, le=65535, description="Port of Locust's web page.")
    processes: int = Field(
        -1,
        ge=-1,
        le=256,
        description="Locust worker processes on this machine; −1 is one a core, 0 none beside the master.",
    )
    rate: float = Field(
        1.0,
        gt=0,
        le=100_000,
        description="Requests a second that each user sends; fewer where answers take longer than the period.",
    )
    open_loop: bool = Field(
        False,
        description="Open loop: send at random (Poisson) times of that rate whether or not earlier requests were "
        "answered; use one user a process and a high rate.",
    )
    check_labels: bool = Field(
        True, description="Count a wrong digit as a failure; turn it off for a model that wasn't trained on MNIST."
    )
    timeout_s: float = Field(10.0, gt=0, le=600, description="Seconds after which a request counts as failed.")
    retry: int = Field(
        0,
        ge=0,
        le=10,
        description="Times that a request is sent again, after a growing pause, where its connection was refused or "
        "lost; each lost attempt is counted apart, as a request of type `RETRY`.",
    )
    api_key: SecretStr | None = Field(None, description="API key to send, where the api requires one.")
    api_key_file: Path | None = Field(
        None, description="File with API keys; the first line that is neither empty nor a comment is sent."
    )
    ca_file: Path | None = Field(
        None, description="CA certificates in PEM that verify an `https` target; unset: it isn't verified."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Check what belongs together, and the files, at start and not at the first request."""
        self.headers()
        if self.job_items and self.model:
            raise ValueError("LOADGEN_JOB_ITEMS: jobs are of digits; unset it, or LOADGEN_MODEL")
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ValueError(f"LOADGEN_CA_FILE: {self.ca_file} isn't a file; name a file of CA certificates in PEM")
        return self

    def headers(self) -> dict[str, str]:
        """Return the headers of every request.

        Raises:
            ValueError: The key file can't be read or holds no key.
        """
        if self.api_key is not None:
            return {"x-api-key": self.api_key.get_secret_value()}
        if self.api_key_file is None:
            return {}
        try:
            lines = [line.strip() for line in self.api_key_file.read_text(encoding="ascii").splitlines()]
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"LOADGEN_API_KEY_FILE: {self.api_key_file} can't be read as ASCII text") from None
        keys = [line for line in lines if line and not line.startswith("#")]
        if not keys:
            raise ValueError(f"LOADGEN_API_KEY_FILE: {self.api_key_file} holds no key; write one on a line of its own")
        return {"x-api-key": keys[0]}
