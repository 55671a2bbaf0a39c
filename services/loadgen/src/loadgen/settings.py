"""What can be set from outside, as ``LOADGEN_*`` variables; one frozen object a process."""

from pydantic import Field
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
        1.0, gt=0, le=1000, description="Requests a second that each user sends, as long as answers keep up."
    )
    check_labels: bool = Field(
        True, description="Count a wrong digit as a failure; turn off for a model that wasn't trained on MNIST."
    )
    timeout_s: float = Field(10.0, gt=0, le=600, description="Seconds after which a request counts as failed.")
