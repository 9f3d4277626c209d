"""The network card over which another machine is reached: gloo takes that of the host's name, often a wrong one."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_ADDRESS_OF = 0x8915  # SIOCGIFADDR, of Linux


def interface_to(address: str) -> str:
    """The name of the interface by which this machine reaches `address`, or has it; nothing where that is not told."""
    if fcntl is None:
        return ""
    with suppress(OSError):
        with socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM
        ) as probe:  # connected, it has its own address; none is sent
            probe.connect((address, 9))
            own = probe.getsockname()[0]
        return next((name for _, name in socket.if_nameindex() if _address_of(name) == own), "")
    return ""


def _address_of(name: str) -> str:
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        found = fcntl.ioctl(asked.fileno(), _ADDRESS_OF, struct.pack("256s", name.encode()[:15]))
        return socket.inet_ntoa(found[20:24])
    return ""
