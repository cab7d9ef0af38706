"""Free ports for the servers of the demo and the tests."""

from __future__ import annotations

import socket

from tfstream.embedded import process
from tfstream.embedded.process import free_port


def test_free_ports_lie_below_those_of_outgoing_connections() -> None:
    """Else a connection of another process may take a port before the server listens on it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        outgoing = client.getsockname()[1]
    assert free_port() < process._first_outgoing_port() <= outgoing


def test_consecutive_ports_are_all_free() -> None:
    first = free_port(consecutive=3)
    servers = [socket.create_server(("127.0.0.1", first + offset)) for offset in range(3)]
    for server in servers:
        server.close()


def test_a_port_in_use_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert not process._is_free(server.getsockname()[1])
