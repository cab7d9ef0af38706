"""Every error a user can meet, each with the exit code of the command it ends.

The message of an error is one sentence that says what happened, where, and what to do.
"""


class TfstreamError(Exception):
    """The command failed."""

    exit_code = 1


class UsageError(TfstreamError):
    """The command was called in a way that makes no sense."""

    exit_code = 2


class ConfigurationError(TfstreamError):
    """A setting, a stream definition or a migration is missing or wrong."""

    exit_code = 3


class AccessDenied(ConfigurationError):
    """Kafka or PostgreSQL refuses the login, or a right is missing."""


class ServiceUnavailable(TfstreamError):
    """Kafka or PostgreSQL cannot be reached."""

    exit_code = 4


class BadData(TfstreamError):
    """The data that was given cannot be used."""

    exit_code = 5
