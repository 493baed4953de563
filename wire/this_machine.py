"""Whether a host name can only mean this machine: a broker there is open to whoever is on the machine anyway. Pure."""

from ipaddress import IPv6Address, ip_address


def is_this_machine(host: str) -> bool:
    """Whether `host` is `localhost` or an address of the loopback (127.0.0.0/8, ::1, also as IPv4 in IPv6)."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761 section 6.3
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
