"""Locust's entry point: the users and the sender that the settings choose."""

from loadgen import users
from loadgen.digit_sender import DigitSender
from loadgen.job_sender import JobSender
from loadgen.model_sender import ModelSender
from loadgen.sender import Sender
from loadgen.settings import Settings

_settings = Settings()
_sender: Sender
if _settings.model:
    _sender = ModelSender(_settings.model, _settings)
elif _settings.job_items:
    _sender = JobSender(_settings)
else:
    _sender = DigitSender(check_labels=_settings.check_labels, retry=_settings.retry)
users.ApiUser.configure(_settings, _sender)


class ClosedLoopUser(users.ClosedLoopUser):
    """Waits for each answer before it sends the next request."""

    abstract = _settings.open_loop


class OpenLoopUser(users.OpenLoopUser):
    """Sends on its own timetable."""

    abstract = not _settings.open_loop
