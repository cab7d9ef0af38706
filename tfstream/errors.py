"""The errors that a user can see, each with the exit code of the command that it ends.

The message of an error is one sentence: what happened, where, and what to do.
"""


class TfstreamError(Exception):
    """The command failed."""

    exit_code = 1


class UsageError(TfstreamError):
    """The command line is wrong."""

    exit_code = 2


class ConfigurationError(TfstreamError):
    """A setting, a stream definition or a migration is missing or wrong."""

    exit_code = 3


class AccessDenied(ConfigurationError):
    """Kafka or PostgreSQL refuses the login, or the user lacks a right."""


class ServiceUnavailable(TfstreamError):
    """Kafka or PostgreSQL cannot be reached."""

    exit_code = 4


class UnsupportedRequest(TfstreamError):
    """Kafka does not know a request of tfstream."""


class BadData(TfstreamError):
    """The given data cannot be used."""

    exit_code = 5
