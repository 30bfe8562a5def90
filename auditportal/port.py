"""The port the portal listens on, claimed before anything else is done.

It must never let two portals share a port: granian's workers share theirs among themselves with
SO_REUSEPORT, so the system alone would let a second portal join in.
"""

from __future__ import annotations

import errno
import socket
import sys


class PortTaken(Exception):
    """Somebody else listens there, or we may not."""


def claim_port(address: str, port: int) -> socket.socket:
    """Bind the port for ourselves and hold it, without listening, while the socket is open.

    Bound alone first, so that a second claim fails; opened to our own workers afterwards.
    SO_REUSEADDR is there only for the bind, to overlook connections that are closing; two
    sockets that both kept it could claim the same port.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    claim = socket.socket(family, socket.SOCK_STREAM)
    try:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claim.bind((address, port))
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError as error:
        claim.close()
        raise PortTaken(_reason(address, port, error)) from error
    if sys.platform != "linux":  # elsewhere a bound socket may take connections from the workers
        claim.close()
    return claim


def _reason(address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        free = port + 1 if port < 65535 else port - 1
        return f"port {port} on {address} is taken, perhaps by another portal; try PORT={free}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} needs privileges this user does not have; try PORT=8000"
    return f"cannot listen on {address} port {port}: {error.strerror}"
