"""Why tritonserver can't be started; each message says what to do. All end the launcher with exit code 2."""


class LaunchError(Exception):
    """Something that tritonserver needs is missing or in the way."""


class WheelError(LaunchError):
    """The wheel with tritonserver isn't installed, or doesn't suit this machine or this Python."""


class PortTaken(LaunchError):
    """A port that tritonserver is to listen on can't be had."""


class SettingsError(LaunchError):
    """A setting names something that isn't there."""
