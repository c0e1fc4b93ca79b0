"""clustercheck from the portal: its rows."""
