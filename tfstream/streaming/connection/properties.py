"""The properties of a Kafka client, and how their secrets stay out of every text."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

Properties = Mapping[str, str]

_SECRET = re.compile(r"password|secret|\.pem$|oauthbearer\.config|sasl\.jaas|assertion|passphrase")
_HIDDEN = "[hidden]"


def redacted(properties: Properties, text: str) -> str:
    """``text`` without the value, or any word of the value, of a property that holds a secret."""
    words = [
        word for name, value in properties.items() if _SECRET.search(name) for word in [value, *value.split()]
    ]
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, _HIDDEN) if len(word) > 1 else text
    return text


class Redaction(logging.Filter):
    """Keeps secrets out of librdkafka's own log lines.

    librdkafka reports failures as errors, too: their log lines appear only with ``--verbose``.
    """

    def __init__(self, properties: Properties) -> None:
        super().__init__()
        self._properties = properties

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(self._properties, record.getMessage()), None
        if record.msg.startswith(("FAIL", "FATAL")):
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
            return logging.getLogger().isEnabledFor(logging.DEBUG)
        return True
