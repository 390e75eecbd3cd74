"""What Bencher is sent, and what it answers."""
