"""Reasons for which tritonserver can't start. Each ends the launcher with one line and exit code 2.

```
LaunchError
├── WheelError
├── PortTaken
└── SettingsError
```
"""


class LaunchError(Exception):
    """The base class: something that tritonserver needs is missing or can't be used."""


class WheelError(LaunchError):
    """The wheel with tritonserver isn't installed, or doesn't run on this machine or with this Python."""


class PortTaken(LaunchError):
    """A port that tritonserver needs is in use or not permitted."""


class SettingsError(LaunchError):
    """A setting names something that doesn't exist or can't be used."""
