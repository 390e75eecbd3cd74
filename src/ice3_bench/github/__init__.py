"""GitHub: events, pull requests, reports of forks."""
