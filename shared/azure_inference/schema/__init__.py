"""What travels on the wire, and nothing else."""
