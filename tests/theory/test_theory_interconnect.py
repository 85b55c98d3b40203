"""Topologies against graphs that are really built, and busy links against Monte Carlo."""

import networkx as nx
import numpy as np
import pytest

from brnb.theory.interconnect import (
    FAT_TREE_DIAMETER,
    bisection_bandwidth,
    busy_link_probability,
    dragonfly_groups,
    dragonfly_nodes,
    fat_tree_hosts,
    fat_tree_switches,
    printed_bisection_bandwidth,
    printed_fat_tree_hosts,
)


def links(ports):
    """Of a fat tree, as pairs of names: host to edge, edge to aggregation, that to core."""
    half = ports // 2
    for pod in range(ports):
        for i in range(half):
            yield from ((f"edge{pod}.{i}", f"host{pod}.{i}.{j}") for j in range(half))
            yield from ((f"edge{pod}.{i}", f"aggregation{pod}.{j}") for j in range(half))
            yield from ((f"aggregation{pod}.{i}", f"core{i}.{j}") for j in range(half))


def halves(graph, ports):
    """Maximum flow between the hosts of the first and of the last half of the pods."""
    for name in [n for n in graph if n.startswith("host")]:
        pod = int(name[4:].split(".")[0])
        graph.add_edge("left" if pod < ports // 2 else "right", name, capacity=1e9)
    return nx.maximum_flow_value(graph, "left", "right")


@pytest.mark.parametrize("ports", [2, 4, 6])
def test_a_fat_tree_has_its_hosts_switches_diameter_and_bisection(ports):
    graph = nx.Graph()
    graph.add_edges_from(links(ports), capacity=1)
    hosts = [name for name in graph if name.startswith("host")]
    assert len(hosts) == fat_tree_hosts(ports) == 2 * printed_fat_tree_hosts(ports)
    assert len(graph) - len(hosts) == fat_tree_switches(ports)
    assert all(graph.degree[s] == ports for s in graph if not s.startswith("host"))
    distances = nx.single_source_shortest_path_length(graph, hosts[0])
    assert max(distances[host] for host in hosts) == FAT_TREE_DIAMETER
    assert halves(graph, ports) == bisection_bandwidth(ports, 1.0)
    assert printed_bisection_bandwidth(ports, 1.0) == 2 * bisection_bandwidth(ports, 1.0)


def test_published_sizes():
    # Al-Fares, Loukissas and Vahdat (2008): 27,648 hosts of 48-port switches, 2880 switches
    assert (fat_tree_hosts(48), fat_tree_switches(48)) == (27_648, 2880)
    # Kim et al. (2008): 64-port routers reach "more than 256K nodes", p = h = 16 and a = 32
    assert dragonfly_groups(32, 16) == 513
    assert dragonfly_nodes(513, 32, 16) == 262_656


def test_busy_links():
    busy = np.random.default_rng(0).random((200_000, 6)) < 0.1
    assert busy.any(axis=1).mean() == pytest.approx(busy_link_probability(1.0, 10.0, 6), abs=0.003)
    assert busy_link_probability(1.0, 10.0, 1) == pytest.approx(0.1)
    assert busy_link_probability(1.0, 10.0, 100) > 0.9999


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="ports = 5: a fat tree needs an even number"):
        fat_tree_hosts(5)
    with pytest.raises(ValueError, match="load / capacity = 2"):
        busy_link_probability(2.0, 1.0, 1)
    with pytest.raises(ValueError, match=r"link = '400 Gb/s': .*bytes/s"):
        bisection_bandwidth(4, "400 Gb/s")
