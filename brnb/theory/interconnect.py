"""Networks of a cluster: fat tree, dragonfly, and busy links (B.1.4.2, Eqs. B.52-B.58)."""

from brnb.theory.units import Quantity, not_negative, positive, share

FAT_TREE_DIAMETER = 6  # links from host to host over edge, aggregation and core (Eq. B.53)


def fat_tree_hosts(ports: int) -> int:
    """Hosts of a three-level fat tree of k-port switches, k^3 / 4 (Al-Fares et al., 2008).

    The text says (k/2)^3; see `printed_fat_tree_hosts`.
    """
    _even(ports)
    return ports**3 // 4


def printed_fat_tree_hosts(ports: int) -> int:
    """(k/2)^3, as the text above Eq. B.52 prints it: half of the hosts."""
    _even(ports)
    return (ports // 2) ** 3


def fat_tree_switches(ports: int) -> int:
    """Switches of a three-level fat tree: k^2 in the pods and (k/2)^2 in the core."""
    _even(ports)
    return ports**2 + (ports // 2) ** 2


def bisection_bandwidth(ports: int, link: float) -> float:
    """Bytes/s between two halves of a fat tree: half of its hosts, k^3 / 8 links (cf. Eq. B.52).

    Parameters
    ----------
    ports
        k of a switch, even.
    link
        Bytes/s of a link in one direction.
    """
    positive("bytes/s", link=link)
    return fat_tree_hosts(ports) // 2 * link


def printed_bisection_bandwidth(ports: int, link: float) -> float:
    """k^3 / 4 links, as Eq. B.52 prints it: a link of each host, twice what a half can send."""
    positive("bytes/s", link=link)
    return fat_tree_hosts(ports) * link


def dragonfly_nodes(groups: Quantity, routers: Quantity, nodes: Quantity) -> Quantity:
    """Nodes of a dragonfly: g groups of a routers of p nodes each, gap (Eqs. B.54-B.57)."""
    positive("nodes", groups=groups, routers=routers, nodes=nodes)
    return groups * routers * nodes


def dragonfly_groups(routers: int, global_links: int) -> int:
    """Most groups that still have a direct link to each other, ah + 1 (Kim et al., 2008).

    Parameters
    ----------
    routers
        a of a group.
    global_links
        h of a router to other groups; the text leaves it out, and with it any limit on g.
    """
    positive("links", routers=routers, global_links=global_links)
    return routers * global_links + 1


def busy_link_probability(load: Quantity, capacity: Quantity, links: Quantity) -> Quantity:
    """Probability that at least one of N independent links is busy, 1 - (1 - lambda/C)^N (B.58).

    The text calls it the probability of congestion. A busy link is no congested one: at a load of
    half, one link is busy half of the time and congested never, and with N the printed value nears
    1 at any load.

    Parameters
    ----------
    load, capacity
        lambda and C of a link, bytes/s both.
    links
        N that a message crosses.
    """
    not_negative("links", links=links)
    positive("bytes/s", capacity=capacity)
    not_negative("bytes/s", load=load)
    share(**{"load / capacity": load / capacity})
    return 1 - (1 - load / capacity) ** links


def _even(ports: int) -> None:
    if ports < 2 or ports % 2:
        raise ValueError(f"ports = {ports}: a fat tree needs an even number of ports, at least 2")
