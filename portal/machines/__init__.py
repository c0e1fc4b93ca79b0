"""What a cluster's machines are asked and told from the portal: queues, suspension, plots, answers."""
