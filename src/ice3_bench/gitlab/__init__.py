"""GitLab: pipelines and the notes of merge requests."""
