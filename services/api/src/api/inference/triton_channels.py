"""gRPC channels to Triton: one to the address as it was given, or one to each replica behind it."""

import json
from typing import Any

import grpc

from api.settings import Settings

_RETRY = {
    "methodConfig": [
        {
            "name": [{"service": "inference.GRPCInferenceService"}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.02s",
                "maxBackoff": "0.2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 1},
}
# Where gRPC alone knows the replicas, calls go to them in turn. gRPC retries a call that no server has begun to answer,
# as long as most calls succeed:
# https://github.com/grpc/proposal/blob/master/A6-client-retries.md
_OF_ALL = {"loadBalancingConfig": [{"round_robin": {}}], **_RETRY}
_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # By default gRPC waits up to two minutes between attempts to connect; a restarted Triton is to be used at once.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # In gRPC's core this also limits one attempt to connect (20 s by default), so a hung server is given up sooner.
    ("grpc.min_reconnect_backoff_ms", 2000),
    # A name that has just gained a replica is looked up again without gRPC's default pause of 30 s.
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    # Channels with the same options inside one process, as in tests, would otherwise share a connection.
    ("grpc.use_local_subchannel_pool", 1),
]


def channel_to_all(settings: Settings) -> grpc.aio.Channel:
    """Return a channel to the address as it was given."""
    return _channel(settings, settings.triton_url, [("grpc.service_config", json.dumps(_OF_ALL))])


def channel_to_one(settings: Settings, address: str, host: str) -> grpc.aio.Channel:
    """Return a channel to one of several replicas. It retries nothing: another replica is asked instead.

    Args:
        settings: The files of TLS.
        address: The replica's gRPC target.
        host: ``name:port`` as gRPC would send it for the name, which the certificate holds; empty where the replicas
            are addresses.
    """
    return _channel(settings, address, [("grpc.default_authority", host)] if host else [])


def _channel(settings: Settings, target: str, options: list[tuple[str, Any]]) -> grpc.aio.Channel:
    """Return a channel, over TLS where there is a CA to check Triton's certificate against."""
    options = [*options, *_OPTIONS]
    if settings.triton_tls_ca_file is None:
        return grpc.aio.insecure_channel(target, options=options)
    own = (settings.triton_tls_key_file, settings.triton_tls_cert_file)
    key, certificate = (file.read_bytes() if file else None for file in own)
    credentials = grpc.ssl_channel_credentials(settings.triton_tls_ca_file.read_bytes(), key, certificate)
    return grpc.aio.secure_channel(target, credentials, options=options)
